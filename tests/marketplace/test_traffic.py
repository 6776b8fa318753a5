"""What browsers tell of devices and of what brought somebody."""

from __future__ import annotations

import pytest

from marketplace.events.traffic import device_of, source_of


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        ("Mozilla/5.0 (Linux; Android 13; TECNO BF7) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36", "phone"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Mobile/15E148 Safari/604.1", "phone"),
        ("Opera/9.80 (J2ME/MIDP; Opera Mini/7.1; U; en) Presto/2.8.119", "phone"),
        ("Mozilla/5.0 (Mobile; Nokia_2720; rv:48.0) Gecko/48.0 KAIOS/2.5", "phone"),
        ("Mozilla/5.0 (Linux; Android 12; SM-T500) AppleWebKit/537.36 Chrome/120 Safari/537.36", "tablet"),
        ("Mozilla/5.0 (iPad; CPU OS 16_0 like Mac OS X) Mobile/15E148", "tablet"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/126.0 Safari/537.36", "desktop"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) Safari/605", "desktop"),
        ("WhatsApp/2.24.13.77 A", "bot"),
        ("Mozilla/5.0 (compatible; bingbot/2.0)", "bot"),
        ("python-requests/2.34", "bot"),
        ("Dillo/3.0", None),
        ("", None),
    ],
)
def test_a_browser_tells_what_it_runs_on(agent: str, device: str | None) -> None:
    assert device_of(agent) == device


@pytest.mark.parametrize(
    ("referrer", "campaign", "medium", "source"),
    [
        ("https://l.facebook.com/l.php?u=x", "", "", "facebook"),
        ("https://www.google.co.ke/search", "", "", "search"),
        ("android-app://com.whatsapp/", "", "", "whatsapp"),
        ("https://www.tiktok.com/@asha", "", "", "tiktok"),
        ("https://mail.yahoo.com/", "", "", "email"),
        ("https://blog.example/bags", "", "", "referral"),
        ("https://notfacebook.example.org/", "", "", "referral"),
        ("https://soko.example/products/1", "", "", None),
        ("https://l.facebook.com/", "WhatsApp", "", "whatsapp"),
        ("", "ig", "social", "instagram"),
        ("", "spring", "sms", "sms"),
        ("", "radio", "", "referral"),
        ("", "", "", "direct"),
        (None, "", "", None),
        ("http://[broken", "", "", None),
    ],
)
def test_the_page_before_or_the_campaign_says_what_brought_somebody(
    referrer: str | None, campaign: str, medium: str, source: str | None
) -> None:
    assert source_of(referrer, campaign, medium, "soko.example") == source
