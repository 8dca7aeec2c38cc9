from weft.fetch import Page, fetch_all


def fetch(urls: list[str], certificate: str) -> int:
    size = 0
    for page in fetch_all(urls, concurrency=200, cacert=certificate):
        assert isinstance(page, Page), page
        assert page.status == 200
        size += len(page.body)
    return size
