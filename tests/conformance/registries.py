"""The registries of ERC-8004 to test on: the stand-ins, or the reference where somebody has
compiled it.

STRONGROOM_ERC8004_ARTIFACTS names a folder with IdentityRegistryUpgradeable.json, the two others',
ERC1967Proxy.json and HardhatMinimalUUPS.json, as Hardhat or Foundry write them. Nothing of it is in
this repository.
"""

import json
import os
from pathlib import Path

from strongroom.chain.artifacts import Artifact, artifact
from strongroom.chain.ids import to_bytes

from tests.property.evm import Evm, Logs, canonical, signature

FOLDER = os.environ.get("STRONGROOM_ERC8004_ARTIFACTS", "")
IS_REFERENCE = bool(FOLDER)
CHAIN_ID = 31_337
NAMES = ("identity", "reputation", "validation")
# ERC-8004's numbers: text and published ABI of 2026-08-15
SELECTORS = {
    "identity": {
        "register()": "1aa3a008",
        "register(string)": "f2c298be",
        "register(string,(string,bytes)[])": "8ea42286",
        "setAgentURI(uint256,string)": "0af28bd3",
        "getMetadata(uint256,string)": "cb4799f2",
        "setMetadata(uint256,string,bytes)": "466648da",
        "setAgentWallet(uint256,address,uint256,bytes)": "2d1ef5ae",
        "getAgentWallet(uint256)": "00339509",
        "unsetAgentWallet(uint256)": "3fddcf19",
        "isAuthorizedOrOwner(address,uint256)": "d95e72be",
    },
    "reputation": {
        "giveFeedback(uint256,int128,uint8,string,string,string,string,bytes32)": "3c036a7e",
        "revokeFeedback(uint256,uint64)": "4ab3ca99",
        "appendResponse(uint256,address,uint64,string,bytes32)": "c2349ab2",
        "getSummary(uint256,address[],string,string)": "81bbba58",
        "readFeedback(uint256,address,uint64)": "232b0810",
        "readAllFeedback(uint256,address[],string,string,bool)": "d9d84224",
        "getResponseCount(uint256,address,uint64,address[])": "6e04cacd",
        "getClients(uint256)": "42dd519c",
        "getLastIndex(uint256,address)": "f2d81759",
        "getIdentityRegistry()": "bc4d861b",
    },
    "validation": {
        "validationRequest(address,uint256,string,bytes32)": "aaf400c4",
        "validationResponse(bytes32,uint8,string,bytes32,string)": "3d659a96",
        "getValidationStatus(bytes32)": "ff2febfc",
        "getSummary(uint256,address[],string)": "1b7cabd6",
        "getAgentValidations(uint256)": "8d5d0c2d",
        "getValidatorRequests(address)": "4bf3158c",
        "getIdentityRegistry()": "bc4d861b",
    },
}
EVENTS = {
    "identity": {
        "Registered": ["indexed uint256 agentId", "string agentURI", "indexed address owner"],
        "URIUpdated": ["indexed uint256 agentId", "string newURI", "indexed address updatedBy"],
        "MetadataSet": [
            "indexed uint256 agentId", "indexed string indexedMetadataKey",
            "string metadataKey", "bytes metadataValue",
        ],
    },
    "reputation": {
        "NewFeedback": [
            "indexed uint256 agentId", "indexed address clientAddress", "uint64 feedbackIndex",
            "int128 value", "uint8 valueDecimals", "indexed string indexedTag1", "string tag1",
            "string tag2", "string endpoint", "string feedbackURI", "bytes32 feedbackHash",
        ],
        "FeedbackRevoked": [
            "indexed uint256 agentId", "indexed address clientAddress",
            "indexed uint64 feedbackIndex",
        ],
        "ResponseAppended": [
            "indexed uint256 agentId", "indexed address clientAddress", "uint64 feedbackIndex",
            "indexed address responder", "string responseURI", "bytes32 responseHash",
        ],
    },
    "validation": {
        "ValidationRequest": [
            "indexed address validatorAddress", "indexed uint256 agentId", "string requestURI",
            "indexed bytes32 requestHash",
        ],
        "ValidationResponse": [
            "indexed address validatorAddress", "indexed uint256 agentId",
            "indexed bytes32 requestHash", "uint8 response", "string responseURI",
            "bytes32 responseHash", "string tag",
        ],
    },
}  # fmt: skip
TRANSFERS = {  # ERC-721 and ERC-165
    "balanceOf(address)": "70a08231", "ownerOf(uint256)": "6352211e",
    "approve(address,uint256)": "095ea7b3", "getApproved(uint256)": "081812fc",
    "setApprovalForAll(address,bool)": "a22cb465",
    "isApprovedForAll(address,address)": "e985e9c5",
    "transferFrom(address,address,uint256)": "23b872dd",
    "safeTransferFrom(address,address,uint256)": "42842e0e",
    "safeTransferFrom(address,address,uint256,bytes)": "b88d4fde",
    "name()": "06fdde03", "symbol()": "95d89b41", "tokenURI(uint256)": "c87b56dd",
    "supportsInterface(bytes4)": "01ffc9a7",
}  # fmt: skip
# returns what the word behind it says: yes to a token; the smallest contract that does
ANSWERS = "63{}60e01b5f5260205ff3"


def erc721():
    """Return signature -> selector of what an identity registry has beside the standard."""
    return TRANSFERS


def signature_of(entry):
    """Return a function's signature."""
    return signature(entry)


class Registries:
    """Three registries and those who use them."""

    def __init__(self):
        self.evm, self.evm_chain, self.first = Evm(1_700_000_000, CHAIN_ID), CHAIN_ID, 0
        names = ["owner", "operator", "approved", "stranger", "client", "validator"]
        for name in names:
            setattr(self, name, self.evm.address(name))
        self.identity, self.reputation, self.validation = (
            self._reference() if IS_REFERENCE else self._stand_ins()
        )

    def _stand_ins(self):
        identity = self.evm.deploy(artifact("IdentityRegistry"))
        others = ("ReputationRegistry", "ValidationRegistry")
        bound = [self.evm.deploy(artifact(each), identity.address) for each in others]
        return identity, *bound

    def _reference(self):
        """Deploy proxies the reference's way: a first implementation, then the upgrade."""
        first, proxy = compiled("HardhatMinimalUUPS"), compiled("ERC1967Proxy")
        found = []
        for name in NAMES:
            start = self.evm.deploy(first)
            zero = found[0].address if found else "0x" + "00" * 20
            data = start.data("initialize", zero)
            at = self.evm.deploy(proxy, start.address, data).address
            kind = compiled(f"{name.title()}RegistryUpgradeable")
            arguments = (found[0].address,) if found else ()
            made = self.evm.deploy(kind)
            owner = self.evm.at(at, kind.abi).owner()
            upgrade = made.data("initialize", *arguments)
            front = self.evm.at(at, kind.abi)
            front.upgradeToAndCall(made.address, upgrade, sender=owner)
            found.append(front)
        return found

    def abi_of(self, registry):
        """Return a registry's ABI."""
        (abi,) = getattr(self, registry).abis
        return abi

    def told(self, registry):
        """Return name -> events of the last transaction, each as its values in the ABI's order."""
        contract = getattr(self, registry)
        entries = {each["name"]: each for each in self.abi_of(registry) if each["type"] == "event"}
        found = {}
        logs = [
            each
            for each in self.evm.transactions[-1][1]
            if each.address.lower() == contract.address.lower()
        ]
        for log, (name, values) in zip(
            logs, Logs(contract.address, contract.abis).read(logs), strict=True
        ):
            if name not in EVENTS[registry] and name != "Transfer":
                continue
            topics = iter([bytes(each) for each in log.data[0]][1:])
            told = []
            for each in entries[name]["inputs"]:
                topic = next(topics) if each["indexed"] else b""
                hashed = each["indexed"] and canonical(each) == "string"
                told.append(topic if hashed else lower(values[each["name"]]))
            found.setdefault(name, []).append(tuple(told))
        return found

    def receiver(self, takes):
        """Return a contract that takes ERC-721 tokens, or does not."""
        return self._answering("150b7a02" if takes else "deadbeef", takes)

    def _answering(self, word, number):
        at = self.evm.address(f"answers {word} {number}")
        self.evm.set_code(at, bytes.fromhex(ANSWERS.format(word)))
        return at

    def signer(self, key):
        """Return a contract whose ERC-1271 answer is yes to a key's signature."""
        return self.evm.deploy(artifact("KeyedSigner"), key, b"").address


def lower(value):
    """Return an address in lower case, anything else as it is."""
    is_address = isinstance(value, str) and value.startswith("0x") and len(value) == 42
    return value.lower() if is_address else value


def compiled(name):
    """Return a contract of the folder."""
    found = json.loads((Path(FOLDER) / f"{name}.json").read_text())
    code = found["bytecode"]
    creation = to_bytes(code if isinstance(code, str) else code["object"])
    return Artifact(name, found["abi"], creation)
