"""A page from data made by hand."""

from pathlib import Path

from pydantic import TypeAdapter
from strongroom.app.history import PageData
from strongroom.app.page import write_page

WHO, MARKET = "0x" + "cd" * 20, "0x" + "ab" * 32
OWNER, KEEPER = "0x" + "ee" * 20, "0x" + "33" * 20
DATA = {
    "schema": "strongroom-page/3",
    "identity": {"name": "Tail & Sons", "symbol": "TAIL", "asset": "0x" + "22" * 20,
                 "asset_symbol": "pUSD"},
    "terms": {"management_bps": 200, "performance_bps": 2_000, "hurdle_bps": 0,
              "deposit_limit": 2**128 - 1, "min_deposit": 10**6, "allow_list": "0x" + "00" * 20,
              "covers_transfers": False,
              "max_up_bps": 1_000, "max_down_bps": 500, "max_premium_bps": 300,
              "exit_fee_bps": 50, "min_report_interval": 3_600, "max_report_age": 2 * 86_400,
              "liveness_period": 14 * 86_400},
    "verdict": {
        "schema": "strongroom-audit/2", "verdict": "no difference",
        "checked": {"events": 1_234, "reports": 3, "market_values": 5, "fills": 4,
                    "fills_joined": 4, "documents": 2},
        "vault": "0x" + "11" * 20, "chain_id": 137, "from_block": 1, "to_block": 9,
        "to_time": 1_700_100_000, "block_hash": "0x" + "b1" * 32, "differences": [],
        "income": {"rebate": "0", "reward": "2000000", "return": "0", "gift": "0"},
        "permissions": [{"block": 3, "what": "keeper is 0x12"}],
        "state": {"nav_bid": "999000000", "nav_ask": "1001000000", "idle": "500000000",
                  "exposure": "400000000", "supply": "1000000000000000000000", "claimable": "0",
                  "pending_deposits": "0", "high_water_mark": "1000000",
                  "holders": 1, "open_markets": 1, "closed_markets": 1,
                  "roles": {"owner": OWNER},
                  "price_bid": "998000000000000000000000",
                  "price_ask": "1002000000000000000000000", "losses": "1000000",
                  "written_off": "3000000", "inflow_room": "0", "unswept_accounts": 1,
                  "keepers": {"0": KEEPER}, "drawdown": False, "winding_down": False},
        "code": [],
        "losses": {
            "classes": [{"class_id": 0, "keeper": KEEPER, "result": "-7000000",
                         "losses": "1000000", "trades": 4, "bought": "6000000", "sold": "2000000",
                         "fees": "10000", "cost": "500000", "unmarked": 1, "waiting": 1,
                         "parties": [{"address": WHO, "volume": "6000000", "share_bps": 7_500,
                                      "cost": "-20000"}]}],
            "worst_trades": [{"block": 7, "transaction": "0x", "class_id": 0, "account": OWNER,
                              "side": "BUY", "cash": "3000000", "tokens": "5000000",
                              "cost": "400000", "parties": [WHO]}],
            "early_deals": [{"block": 5, "side": "deposit", "epoch": 2, "assets": "9000000",
                             "shares": "8500000000000000000", "lost": "300000", "told_at": 8,
                             "parties": [WHO]}],
        },
    },
    "composition": {"home": 500 * 10**6, "at_cost": 499 * 10**6, "opinion": 2 * 10**6,
                    "enforced": 0, "delegated": 499 * 10**6, "exposure": 600 * 10**6,
                    "written_off": 3 * 10**6},
    "notices": [{"by": OWNER, "submitted": 1_700_000_000, "ready": 1_700_090_000,
                 "lapses": 1_700_694_800, "words": "set total cap <to> 9"}],
    "delays": [86_400, 3 * 86_400],
    "reports": [
        {"time": 1_700_000_000 + n * 3_600, "block": n, "nav_bid": 10**9 - n, "nav_ask": 10**9 + n,
         "price_bid": 10**24 - n * 10**21, "price_ask": 10**24 + n * 10**21, "supply": 10**21,
         "exposure": n * 10**6, "losses": n, "idle": 5, "management": 1_500_000, "performance": 0,
         "evidence": "0x" + f"{n:064x}", "is_settlement": n == 2}
        for n in range(3)
    ],
    "strategies": {0: {"grade": 2, "keeper": KEEPER, "exposure": 4 * 10**6, "losses": 10**6,
                       "profit": -7 * 10**6, "cap": 8 * 10**6, "market_cap": 8 * 10**6,
                       "is_retired": True}},
    "league": [{"class_id": 0, "profit": -7 * 10**6, "gifts": 0, "below": 10**6,
                "markets": 1, "losing": 1, "dates": 1, "staked": 10 * 10**6, "value": -0.3,
                "low": None, "high": None, "words": "too few events"}],
    "total": {"exposure": 4, "losses": 1, "cap": 0},
    "open": [{"market": MARKET, "class_id": 0, "exposure": 6 * 10**6, "cap": 8 * 10**6,
              "value_bid": 5 * 10**6, "value_ask": 7 * 10**6, "deadline": 1_700_100_000 + 90_000,
              "marks": [[0.95, 0.97], None], "gifts": 0}],
    "settled": [{"market": MARKET, "class_id": 0, "opened": 1_700_000_000,
                 "closed": 1_700_050_000, "allocated": 10 * 10**6, "home": 7 * 10**6,
                 "profit": -3 * 10**6, "income": 2 * 10**6, "gifts": 0}],
    "income": [{"time": 1_700_040_000, "block": 2, "transaction": "0x" + "77" * 32,
                "market": MARKET, "account": "0x" + "44" * 20, "receiver": "0x" + "44" * 20,
                "payer": "0x" + "55" * 20, "amount": 2 * 10**6, "kind": "reward"}],
    "queue": [{"side": "redeem", "epoch": 3, "who": WHO, "amount": 25 * 10**17,
               "since": 1_700_000_000, "state": "closed: the next report can deal with it",
               "settled": 10**18, "can_be_taken_back": False},
              {"side": "deposit", "epoch": 2, "who": WHO, "amount": 10**6, "settled": 0,
               "since": 1_700_000_000, "state": "handed back: the price moved too far",
               "can_be_taken_back": True}],
    "holders": {WHO: 10**21},
    "names": {MARKET: "Will <it> come true?"},
    "months": {WHO: [
        {"month": "2023-11", "time": 1_700_007_200, "shares": 10**21, "value": 999 * 10**6,
         "paid_in": 10**9, "paid_out": 0, "gain": -(10**6), "income": 2 * 10**6},
    ]},
    "flows": [{"time": 1_700_000_000, "block": 2, "who": WHO, "what": "asks to deposit",
               "assets": 10**9, "shares": 0}],
}  # fmt: skip


def write(folder: Path, **changes):
    """Write the page and one evidence document into `folder`; return the page's folder and text."""
    page, known = folder / "page", {DATA["reports"][1]["evidence"]: b"{}"}
    data = TypeAdapter(PageData).validate_python(DATA | changes)
    write_page(data, page, known.get)
    return page, (page / "index.html").read_text()
