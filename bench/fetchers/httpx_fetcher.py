async def fetch_all(urls: list[str], certificate: str) -> int:
    import asyncio
    import ssl

    import httpx

    left = iter(urls)
    size = 0
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=200)
    async with httpx.AsyncClient(verify=ssl.create_default_context(cafile=certificate), limits=limits, timeout=60) as client:

        async def work() -> None:
            nonlocal size
            for url in left:
                answer = await client.get(url)
                assert answer.status_code == 200
                size += len(answer.content)

        await asyncio.gather(*(work() for _ in range(200)))
    return size


def fetch(urls: list[str], certificate: str) -> int:
    import asyncio

    return asyncio.run(fetch_all(urls, certificate))
