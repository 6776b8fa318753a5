"""Who may ask for what: every route of the app, once."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

# public        everybody
# shopper       everybody; a shopper's token only for its own user_id in the path
# seller        the seller of the path, analysts and admins
# owner         the seller of the path, and whoever steers
# holder        whoever has a key; the route itself looks at whose data it is
# analyst       analysts and admins
# admin         admins
# operator      the operator's or reviewer's token, or an admin's key
Access = Literal["public", "shopper", "seller", "owner", "holder", "analyst", "admin", "operator"]

ACCESS: Mapping[str, Access] = MappingProxyType(
    {
        # The storefront
        "GET /": "public",
        "GET /products/{product_id}": "public",
        "GET /sellers/{seller_id}": "public",
        "GET /for-you": "public",
        "POST /shopper": "public",
        "GET /search": "public",
        "POST /search": "public",
        "GET /search/photo": "public",
        "GET /docs": "public",
        "GET /favicon.ico": "public",
        "GET /robots.txt": "public",
        "GET /media/{sha256}.jpg": "public",
        "GET /openapi.json": "public",
        "HEAD /openapi.json": "public",
        "GET /r/{code}": "public",
        "HEAD /r/{code}": "public",
        "GET /sign-in": "public",
        "POST /sign-in": "public",
        "POST /sign-out": "public",
        "POST /api/auth/token": "public",
        # What shoppers' programs ask
        "GET /api/products": "public",
        "GET /api/categories": "public",
        "GET /api/products/{product_id}": "public",
        "GET /api/products/similar/{product_id}": "public",
        "GET /api/products/{product_id}/also-bought": "public",
        "GET /api/products/{product_id}/as-of": "public",
        "GET /api/products/{product_id}/copies": "public",
        "POST /api/search": "public",
        "GET /api/search/suggestions": "public",
        "GET /api/products/{product_id}/history": "public",
        "GET /api/products/{product_id}/offers": "public",
        "GET /api/recommendations/personalized/{user_id}": "shopper",
        "POST /api/recommendations/session": "public",
        "POST /api/recommendations/interaction": "public",
        "POST /api/recommendations/interactions": "public",
        "GET /api/recommendations/shoppers": "public",
        "GET /api/recommendations/stats": "public",
        "POST /api/crm/leads": "public",
        "POST /api/sellers": "public",
        # Whether it is well
        "GET /health/live": "public",
        "GET /health/ready": "public",
        "GET /api/health": "public",
        "GET /metrics": "public",
        # One seller
        "GET /api/sellers/{seller_id}": "seller",
        "GET /api/crm/sellers/{seller_id}/syncs": "seller",
        "GET /api/crm/sellers/{seller_id}/funnel": "seller",
        "GET /api/crm/sellers/{seller_id}/leads": "seller",
        "GET /api/crm/sellers/{seller_id}/leads/{event_id}": "seller",
        "POST /api/crm/sellers/{seller_id}/leads/{event_id}/state": "seller",
        "POST /api/crm/sellers/{seller_id}/leads/{event_id}/notes": "seller",
        "GET /api/crm/sellers/{seller_id}/export": "seller",
        "POST /api/crm/sellers/{seller_id}/orders": "seller",
        "GET /dashboard/sellers/{seller_id}": "seller",
        # The whole market
        "GET /api/sellers": "analyst",
        "GET /api/analytics/metrics": "analyst",
        "GET /api/analytics/exposure": "analyst",
        "GET /api/analytics/dashboard/{user_id}": "holder",
        "GET /api/analytics/alerts": "holder",
        "POST /api/analytics/alerts/{alert_id}/state": "holder",
        "GET /api/metrics": "analyst",
        "GET /api/experiments": "analyst",
        "GET /api/experiments/{name}": "analyst",
        "GET /experiments": "analyst",
        "GET /fairness": "analyst",
        "GET /heartbeat": "analyst",
        "GET /dashboard/market": "analyst",
        "GET /api/crm/heartbeat/status": "analyst",
        "GET /api/crm/heartbeat/brakes": "analyst",
        "GET /api/crm/dead-letters": "analyst",
        # Who steers
        "DELETE /api/crm/people/{user_id}": "admin",
        "POST /api/recommendations/train": "operator",
        "PUT /api/sellers/{seller_id}/feed": "owner",
        "PATCH /api/sellers/{seller_id}/state": "operator",
        "POST /api/crm/heartbeat/sync/{seller_id}": "operator",
        "POST /api/crm/heartbeat/brakes/{seller_id}/release": "operator",
        "POST /api/crm/heartbeat/brakes/{seller_id}/clear": "operator",
        "POST /api/crm/dead-letters/redrive": "operator",
        "POST /heartbeat/brakes/{seller_id}/release": "operator",
        "POST /heartbeat/brakes/{seller_id}/clear": "operator",
        "POST /heartbeat/sync/{seller_id}": "operator",
        "POST /heartbeat/redrive/{seller_id}": "operator",
        "GET /api/quality/queue": "operator",
        "GET /api/quality/products/{product_id}": "operator",
        "POST /api/quality/products/{product_id}/review": "operator",
        "GET /review": "operator",
        "POST /review/{product_id}": "operator",
        "POST /review-token": "public",
    }
)
