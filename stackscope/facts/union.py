"""Every fact class in one tagged union: the codec, the validation of a capture and its JSON Schema follow from it."""

from stackscope.facts.client import ClientFile, ClientVariable
from stackscope.facts.container import ContainerdContainer, DockerContainer, Sandbox, Task
from stackscope.facts.core import Listing
from stackscope.facts.daemon import ContainerdInfo, ContainerdNamespace, DockerConfig, DockerInfo, DockerVersion, Plugin
from stackscope.facts.image import ContainerdImage, ContentTotal, DockerImage, ImageManifests, UnpackedTo
from stackscope.facts.process import Process
from stackscope.facts.snapshot import Lease, Snapshot
from stackscope.facts.socket import Connection, Endpoint, Listener, SocketHolder
from stackscope.facts.storage import Bundle, Network, Volume

AnyFact = (
    Bundle
    | ClientFile
    | ClientVariable
    | Connection
    | ContainerdContainer
    | ContainerdImage
    | ContainerdInfo
    | ContainerdNamespace
    | ContentTotal
    | DockerContainer
    | DockerImage
    | DockerConfig
    | DockerInfo
    | DockerVersion
    | Endpoint
    | ImageManifests
    | Lease
    | Listener
    | Listing
    | Network
    | Plugin
    | Process
    | Sandbox
    | Snapshot
    | SocketHolder
    | Task
    | UnpackedTo
    | Volume
)
