def fetch(urls: list[str], certificate: str) -> int:
    import ssl

    import gevent.monkey

    gevent.monkey.patch_all()
    import gevent.pool
    import urllib3

    manager = urllib3.PoolManager(maxsize=200, block=True, ssl_context=ssl.create_default_context(cafile=certificate))

    def get(url: str) -> int:
        answer = manager.request("GET", url)
        assert answer.status == 200
        return len(answer.data)

    return sum(gevent.pool.Pool(200).imap_unordered(get, urls))
