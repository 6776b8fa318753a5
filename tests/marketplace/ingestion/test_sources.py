"""Sources are picked by the kind of the seller."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from marketplace.catalog.products import Seller, SourceKind
from marketplace.errors import ConfigurationError
from marketplace.ingestion.feeds import Feed
from marketplace.ingestion.shopify import Shopify
from marketplace.ingestion.sources import source_for
from marketplace.ingestion.web_shops import WebShop
from marketplace.ingestion.whatsapp import WhatsAppCatalog
from marketplace.ingestion.woocommerce import WooCommerce
from marketplace.settings import Settings

SETTINGS = Settings(_env_file=None)
SELLER = Seller(1, "amina", "Amina", None, "Nairobi", "KE", "KES", "whatsapp", "http://shop.example/c/254700000001")


def test_each_kind_of_seller_has_its_source():
    kinds = {kind: type(source_for(replace(SELLER, source_kind=kind), SETTINGS)) for kind in get_args(SourceKind)}
    assert kinds == {
        "whatsapp": WhatsAppCatalog,
        "web_shop": WebShop,
        "shopify": Shopify,
        "woocommerce": WooCommerce,
        "feed": Feed,
    }


def test_a_seller_without_an_address_is_named():
    with pytest.raises(ConfigurationError, match="seller amina has no source_url"):
        source_for(replace(SELLER, source_url=None), SETTINGS)
