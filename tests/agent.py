"""Drives the official client of the Model Context Protocol against `lexivec mcp` and against a server, and prints what
it saw as JSON:

    agent.py COMMAND DIRECTORY URL

The client checks every structured answer by the schema that its tool declares.
"""

import asyncio
import json
import sys

from mcp import Client, StdioServerParameters

command, directory, url = sys.argv[1:4]


async def drive(server):
    seen = {}
    async with Client(server) as client:
        seen["server"] = client.server_info.name
        seen["protocol"] = client.protocol_version
        tools = (await client.list_tools()).tools
        seen["tools"] = len(tools)

        async def call(tool, **arguments):
            result = await client.call_tool(tool, arguments)
            assert not result.is_error, result
            return result.structured_content

        await call("list_collections")
        await call("describe_collection", collection="papers")
        asked = {"collection": "papers", "text": "slipstream", "explain": True}
        found = await call("search", **asked)
        seen["hits"] = [hit["id"] for hit in found["hits"]]
        await call("get_documents", collection="papers", ids=["lift", "none"])
        wrong = await client.call_tool("search", {"collection": "none", "text": "a"})
        seen["error"] = wrong.is_error
        if len(tools) > 4:
            row = {"id": "new", "text": "A propeller"}
            seen["written"] = (await call("add_documents", collection="papers", documents=[row]))["written"]
            assert (await call("delete_documents", collection="papers", ids=["new"]))["deleted"] == 1
    return seen


async def main():
    stdio = StdioServerParameters(command=command, args=["mcp", directory])
    print(json.dumps({"stdio": await drive(stdio), "http": await drive(url)}))


asyncio.run(main())
