"""What all tables share: one metadata, the schemas, and words for columns that recur."""

from __future__ import annotations

from sqlalchemy import DateTime, MetaData

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
SCHEMAS = ("catalog", "raw", "serving", "crm", "insights")
Instant = DateTime(timezone=True)
DEVICE = "phone, tablet, desktop or bot; null where unknown"
SOURCE = "what brought the shopper: direct, whatsapp, facebook, instagram, tiktok, search, sms, email, referral"
