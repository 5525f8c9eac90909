"""Compiles `protos/` when a wheel is built or the checkout is installed with `pip install -e`.

protoc's own Python output demands a protobuf at least as new as the protoc that wrote it. So here
protoc writes a descriptor set, which every release reads, and typed stubs; the modules beside the
stubs are written here, and take their classes from `stackscope.wire._contracts`.
"""

import re
import shutil
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from grpc_tools import protoc
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_PACKAGE = "stackscope.wire"
_GROUP = "containerd"


class ContractsBuildHook(BuildHookInterface[Any]):
    """Makes `stackscope/wire/contracts.binpb` and the package `stackscope/wire/containerd`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Generate everything anew, so that nothing outlives its .proto."""
        self.clean([version])
        compile_contracts(Path(self.root, "protos"), self._wire)

    def clean(self, versions: list[str]) -> None:
        """Remove what was generated."""
        (self._wire / "contracts.binpb").unlink(missing_ok=True)
        shutil.rmtree(self._wire / _GROUP, ignore_errors=True)

    @property
    def _wire(self) -> Path:
        return Path(self.root, *_PACKAGE.split("."))


def compile_contracts(protos: Path, wire: Path) -> None:
    """Compile every .proto below `protos` into the package directory `wire`.

    Raises:
        RuntimeError: protoc refused a file; it has said why on stderr.
    """
    names = sorted(str(path.relative_to(protos)) for path in protos.glob(f"{_GROUP}/*.proto"))
    compiled = wire / "contracts.binpb"
    with as_file(files("grpc_tools") / "_proto") as google:
        status = protoc.main(
            [
                "protoc",
                f"--proto_path={protos}",
                f"--proto_path={google}",
                "--include_imports",
                f"--descriptor_set_out={compiled}",
                f"--pyi_out={wire}",
                *names,
            ]
        )
    if status != 0:
        raise RuntimeError(f"protoc ended with status {status}: see its messages above")

    package = wire / _GROUP
    for stub in package.glob("*_pb2.pyi"):
        stub.write_text(_below_our_package(stub.read_text("utf-8")), "utf-8")
    for file in FileDescriptorSet.FromString(compiled.read_bytes()).file:
        if file.name in names:
            module = package / f"{Path(file.name).stem}_pb2.py"
            module.write_text(_module(file), "utf-8")
    (package / "__init__.py").write_text('"""containerd\'s messages. Generated."""\n', "utf-8")


def _below_our_package(stub: str) -> str:
    """Turn a stub's imports of its siblings, which protoc takes to be top-level, into ours."""
    return re.sub(rf"^from {_GROUP} import", f"from {_PACKAGE}.{_GROUP} import", stub, flags=re.M)


def _module(file: FileDescriptorProto) -> str:
    """Return the runtime module of one .proto: the same names that its stub declares."""
    lines = [
        f'"""{file.name} as Python classes. Generated: change the .proto instead."""',
        "",
        f"from {_PACKAGE} import _contracts",
        "",
        f'DESCRIPTOR = _contracts.file("{file.name}")',
    ]
    lines += [f'{message.name} = _contracts.message("{file.package}.{message.name}")' for message in file.message_type]
    for enum in file.enum_type:
        lines.append(f'{enum.name} = _contracts.enum("{file.package}.{enum.name}")')
        lines += [f"{value.name} = {value.number}" for value in enum.value]
    return "\n".join(lines) + "\n"
