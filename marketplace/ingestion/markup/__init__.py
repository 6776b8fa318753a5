"""What stands in web pages, feeds and sitemaps: bytes to text, trees, and the data that a page marks up."""
