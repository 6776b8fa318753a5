"""The API and the storefront; they read what was published."""
