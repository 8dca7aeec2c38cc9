async def fetch_all(urls: list[str], certificate: str) -> int:
    import asyncio
    import ssl

    import aiohttp

    left = iter(urls)
    size = 0
    connector = aiohttp.TCPConnector(limit=200, ssl=ssl.create_default_context(cafile=certificate))
    async with aiohttp.ClientSession(connector=connector) as session:

        async def work() -> None:
            nonlocal size
            for url in left:
                async with session.get(url) as answer:
                    assert answer.status == 200
                    size += len(await answer.read())

        await asyncio.gather(*(work() for _ in range(200)))
    return size


def fetch(urls: list[str], certificate: str) -> int:
    import uvloop

    return uvloop.run(fetch_all(urls, certificate))
