"""The hash of a mandate, which its owner signs and announces: EIP-712, lines as an array.

Line n of a mandate is entry n - 1 of the array: a refusal that names a line names what was signed.
"""

from strongroom.chain.ids import JsonObject, keccak, to_bytes
from strongroom.mandates.mandate import Mandate, MandateLine
from strongroom.signing.hashing import address_word, domain_separator, word

DOMAIN_NAME, DOMAIN_VERSION = "Strongroom Mandate", "1"
_LINE_TYPE = "Line(string name,int256 class,uint256 number,string unit)"
_MANDATE_TYPE = (
    "Mandate(string words,address vault,uint256 chainId,uint64 version,uint64 notBefore,"
    "uint64 notAfter,bytes32 previous,Line[] lines)"
)
_LINE = keccak(_LINE_TYPE.encode())
_MANDATE = keccak((_MANDATE_TYPE + _LINE_TYPE).encode())
_WORD_BITS = 256


def _text(text: str) -> bytes:
    return keccak(text.encode())


def _line(line: MandateLine) -> bytes:
    class_word = word(line.class_id % (1 << _WORD_BITS))  # two's complement
    return keccak(_LINE + _text(line.name) + class_word + word(line.number) + _text(line.unit))


def digest(mandate: Mandate) -> bytes:
    """Return the mandate's hash: what the owner signs, in the domain of the vault."""
    numbers = (mandate.version, mandate.not_before, mandate.not_after)
    struct = keccak(
        _MANDATE
        + _text(mandate.words)
        + address_word(mandate.vault)
        + word(mandate.chain_id)
        + b"".join(map(word, numbers))
        + to_bytes(mandate.previous)
        + keccak(b"".join(map(_line, mandate.lines)))
    )
    domain = domain_separator(DOMAIN_NAME, DOMAIN_VERSION, mandate.chain_id, mandate.vault)
    return keccak(b"\x19\x01" + domain + struct)


def _fields(of_type: str) -> list[JsonObject]:
    inside = of_type[of_type.index("(") + 1 : -1]
    pairs = (each.split(" ") for each in inside.split(","))
    return [{"name": name, "type": kind} for kind, name in pairs]


def typed_data(mandate: Mandate) -> JsonObject:
    """Return what a wallet shows and signs (eth_signTypedData_v4); numbers as text, so that no
    wallet rounds one."""
    return {
        "types": {
            "EIP712Domain": _fields(
                "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
            ),
            "Mandate": _fields(_MANDATE_TYPE),
            "Line": _fields(_LINE_TYPE),
        },
        "primaryType": "Mandate",
        "domain": {
            "name": DOMAIN_NAME,
            "version": DOMAIN_VERSION,
            "chainId": mandate.chain_id,
            "verifyingContract": mandate.vault,
        },
        "message": {
            "words": mandate.words,
            "vault": mandate.vault,
            "chainId": str(mandate.chain_id),
            "version": str(mandate.version),
            "notBefore": str(mandate.not_before),
            "notAfter": str(mandate.not_after),
            "previous": mandate.previous,
            "lines": [
                {
                    "name": each.name,
                    "class": str(each.class_id),
                    "number": str(each.number),
                    "unit": each.unit,
                }
                for each in mandate.lines
            ],
        },
    }
