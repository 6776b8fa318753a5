"""Shops of every kind that a catalogue is read from, with faults that can be switched on and a truth that is known.

* shelves      what the shops show now, and what was changed since the market was drawn
* whatsapp, web_shop, shopify, woocommerce, feeds    the catalogues, each in its own form
* routes       which page answers at which path
* faults       what can be switched on, and what must come of it; damage does it, planting spreads it
* truth        what a reader must end with, and how far a given table is from it
* server       the shops over HTTP
"""
