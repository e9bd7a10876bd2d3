"""`make sbom`: what Comporta is made of, as a software bill of materials (CycloneDX 1.6, JSON), in var/sbom.cdx.json.

The wheels that requirements.lock has for this machine, with the licences that their own metadata tells; the jars of
lakehouse/servers/jars.lock; and what the pyspark wheel brings: its jars, and the libraries that are folded into them.
"""

import hashlib
import re
import sys
import tomllib
import uuid
import zipfile
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageMetadata, metadata
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License, LicenseAcknowledgement
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from packaging.requirements import Requirement

from lakehouse.servers import jars
from lakehouse.settings import ROOT

PATH = ROOT / "var" / "sbom.cdx.json"
_LOCKED = re.compile(r"^(\S+==[^\\\n]+)\\\n((?:    --hash=\S+(?: \\)?\n)+)", re.M)
_POM = re.compile(r"META-INF/maven/[^/]+/[^/]+/pom\.properties")
_PAIR = re.compile(r"^(\w+)\s*=\s*(.*?)\s*$", re.M)
_VENDOR = re.compile(rb"^Implementation-Vendor-Id: (\S+)", re.M)
_JAR = re.compile(r"(.+?)-(\d.*)\.jar")
# Jars of the pyspark wheel that name no group, or one that is not the group they are published under.
_GROUPS = {
    "RoaringBitmap": "org.roaringbitmap",
    "arpack_combined_all": "net.sourceforge.f2j",
    "derby": "org.apache.derby",
    "derbyshared": "org.apache.derby",
    "derbytools": "org.apache.derby",
    "ivy": "org.apache.ivy",
    "jdo-api": "javax.jdo",
    "jsr305": "com.google.code.findbugs",
    "jta": "javax.transaction",
    "libfb303": "org.apache.thrift",
    "libthrift": "org.apache.thrift",
    "objenesis": "org.objenesis",
    "oro": "oro",
    "rocksdbjni": "org.rocksdb",
    "scala-compiler": "org.scala-lang",
    "scala-library": "org.scala-lang",
    "scala-reflect": "org.scala-lang",
    "stax-api": "stax",
    "tink": "com.google.crypto.tink",
    "transaction-api": "javax.transaction",
    "xz": "org.tukaani",
}
_LICENCES = LicenseFactory()
Coordinates = tuple[str, str, str]  # group, artifact, version


def bill() -> Bom:
    """The bill of this checkout and its environment."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    own = Component(name=project["name"], version=project["version"], type=ComponentType.APPLICATION, bom_ref="comporta")
    wheels, fetched = list(_wheels()), [_fetched(coordinates, digest) for coordinates, digest in jars.pinned(s3=True).items()]
    [spark] = [each for each in wheels if each.name == "pyspark"]
    brought = [_brought(path) for path in sorted((jars.SPARK_HOME / "jars").glob("*.jar"))]
    locks = (ROOT / "requirements.lock").read_bytes() + (ROOT / "lakehouse" / "servers" / "jars.lock").read_bytes()
    made = Bom(
        components=[*wheels, *fetched, *brought], serial_number=uuid.uuid5(uuid.NAMESPACE_OID, hashlib.sha256(locks).hexdigest())
    )
    made.metadata.component = own
    made.register_dependency(own, [*wheels, *fetched])
    made.register_dependency(spark, brought)
    return made


def _wheels() -> Iterator[Component]:
    """The packages that the lock has for this Python; a hash for each file, of whatever machine, that it lets in."""
    for found in _LOCKED.finditer((ROOT / "requirements.lock").read_text(encoding="utf-8")):
        requirement = Requirement(found[1])
        if requirement.marker and not requirement.marker.evaluate():
            continue
        [version] = [each.version for each in requirement.specifier]
        yield Component(
            name=requirement.name,
            version=version,
            type=ComponentType.LIBRARY,
            purl=(purl := PackageURL("pypi", None, requirement.name, version)),
            bom_ref=str(purl),
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=each) for each in re.findall(r"sha256:(\w+)", found[2])],
            licenses=licences(metadata(requirement.name)),
        )


def licences(said: PackageMetadata) -> list[License]:
    """What a package declares: an expression of SPDX, else a name, else its classifiers. The text of a licence is no name."""
    classified = [each.rpartition(" :: ")[2] for each in said.get_all("Classifier", []) if each.startswith("License :: ")]
    name = str(said.get("License") or "")
    told = [str(said["License-Expression"])] if "License-Expression" in said else [name] if 0 < len(name) <= 60 else classified
    return [_LICENCES.make_from_string(each, license_acknowledgement=LicenseAcknowledgement.DECLARED) for each in told]


def _fetched(coordinates: str, digest: str) -> Component:
    group, name, version = coordinates.split(":")
    return _maven(group, name, version, hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)])


def _brought(path: Path) -> Component:
    """A jar of the pyspark wheel: by the pom that its file is named after, else by that name; other poms are folded into it."""
    poms, vendor = _inside(path)
    own = next((pom for pom in poms if re.match(rf"{re.escape('-'.join(pom[1:]))}[.-]", path.name)), None)
    found = _JAR.fullmatch(path.name)
    group, name, version = own or ("", *(found.groups() if found else (path.stem, "")))
    group = _GROUPS.get(name) or group or vendor
    if not group or not version:
        raise SystemExit(f"✗ {path.name}: who published it is not to be found in it. Add it to _GROUPS in docker/sbom.py")
    classifier = path.stem.removeprefix(f"{name}-{version}").lstrip("-")
    return _maven(
        group,
        name,
        version,
        classifier,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=hashlib.sha256(path.read_bytes()).hexdigest())],
        components=[_maven(*each, within=f"{path.name}#") for each in sorted({*poms} - {own})],
    )


def _inside(path: Path) -> tuple[list[Coordinates], str]:
    """The coordinates that a jar's poms tell, and the vendor that its manifest names."""
    with zipfile.ZipFile(path) as jar:
        told = [dict(_PAIR.findall(jar.read(each).decode())) for each in jar.namelist() if _POM.fullmatch(each)]
        manifest = jar.read("META-INF/MANIFEST.MF") if "META-INF/MANIFEST.MF" in jar.namelist() else b""
    vendor = _VENDOR.search(manifest)
    poms = [(each["groupId"], each["artifactId"], each["version"]) for each in told]
    return poms, vendor[1].decode() if vendor else ""


def _maven(
    group: str,
    name: str,
    version: str,
    classifier: str = "",
    *,
    hashes: Iterable[HashType] = (),
    components: Iterable[Component] = (),
    within: str = "",
) -> Component:
    purl = PackageURL("maven", group, name, version, {"classifier": classifier} if classifier else None)
    return Component(
        group=group,
        name=name,
        version=version,
        purl=purl,
        type=ComponentType.LIBRARY,
        bom_ref=f"{within}{purl}",
        hashes=hashes,
        components=components,
    )


def main() -> None:
    """Write the bill, after the schema's own validator has passed it."""
    text = JsonV1Dot6(bill()).output_as_string(indent=2)
    if wrong := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        sys.exit(f"✗ the bill of materials is not valid: {wrong}")
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_text(text + "\n", encoding="utf-8")
    count = text.count('"purl"')
    print(f"{PATH}: {count} packages")


if __name__ == "__main__":
    main()
