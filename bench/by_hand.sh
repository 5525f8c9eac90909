#!/bin/sh
# What a person would type to see what `stackscope tree` shows. Arguments: the docker client with its options, and the
# ctr client with its options, each as one word to be split.
set -eu
docker=$1
ctr=$2

$docker info
$docker ps --all --no-trunc
$docker images --all
$docker volume ls
$docker network ls
containers=$($docker ps --all --quiet --no-trunc)
[ -z "$containers" ] || $docker inspect $containers
images=$($docker images --all --quiet --no-trunc | sort --unique)
[ -z "$images" ] || $docker image inspect $images

$ctr plugins ls
for namespace in $($ctr namespaces ls --quiet); do
  $ctr --namespace "$namespace" containers ls
  $ctr --namespace "$namespace" tasks ls
  $ctr --namespace "$namespace" images ls
  $ctr --namespace "$namespace" snapshots ls
  $ctr --namespace "$namespace" leases ls
done

lsns
ss --unix --listening --processes
# It asks systemd what it may show; without one it has nothing to say.
[ ! -d /run/systemd/system ] || systemd-cgls --no-pager
ps axf
