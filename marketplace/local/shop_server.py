"""A shop server for the sample market, whose shops a catalogue is scouted and hydrated from.

`python -m marketplace.local.shop_server --port 8090 --state shop.json` serves it on loopback. What an
administrator changes (a price, a product taken down, faults) is kept in the state file.
`--kinds` adds web shops, Shopify, WooCommerce and feeds, `--hosts 20` gives sellers loopback
addresses of their own, and `--faults all` (or names, or none) switches faults.
"""

from __future__ import annotations

import argparse
import signal
from pathlib import Path

from marketplace.local.market import draw_market
from marketplace.local.shops.fault_kinds import FAULTS
from marketplace.local.shops.server import ShopServer
from marketplace.local.shops.whatsapp import PAGE_SIZE

__all__ = ["PAGE_SIZE", "ShopServer", "main"]


def main() -> None:
    """Serve the sample market until the process is told to end."""
    parser = argparse.ArgumentParser(description="The sample market's shops.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--kinds", action="store_true", help="add a seller for every form of catalogue")
    parser.add_argument("--hosts", type=int, default=1, help="answer on that many loopback addresses")
    parser.add_argument("--faults", type=_names, help=f"all, none, or names with commas: {', '.join(FAULTS)}")
    options = parser.parse_args()
    server = ShopServer(draw_market(kinds=options.kinds), options.port, options.state, options.hosts)
    if options.faults is not None:
        server.switch_faults(None if "all" in options.faults else options.faults)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        server.serve()
    except KeyboardInterrupt:
        return


def _names(text: str) -> list[str]:
    names = [] if text == "none" else text.split(",")
    if unknown := set(names) - {"all", *FAULTS}:
        raise argparse.ArgumentTypeError(f"no fault {', '.join(sorted(unknown))}")
    return names


if __name__ == "__main__":
    main()
