"""Works at devices as the usual Python libraries do. argv: which one. stdin: JSON with devices, shows, lines and atOnce.

Logs in everywhere and works once (cold), then works again on the same sessions (warm). Prints one JSON object.
"""
import asyncio
import json
import re
import resource
import sys
import time
from concurrent.futures import ThreadPoolExecutor

which = sys.argv[1]
order = json.load(sys.stdin)
devices, at_once = order["devices"], order["atOnce"]
# Devices at which it failed: some libraries wait for a time and not for an answer, and a busy machine is late.
failures = []
lines = ["configure terminal", *order["lines"], "end"]


def prompt_of(device):
    return re.compile(r"(?:^|\n)" + re.escape(device["name"]) + r"[^\s#]*#$")


class Paramiko:
    def __init__(self, device):
        import paramiko

        self.client = paramiko.SSHClient()
        self.client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        self.client.connect(device["host"], device["port"], "bench", "bench", look_for_keys=False, allow_agent=False, timeout=60)
        self.channel = self.client.invoke_shell("vt100", 511, 1000)
        self.prompt = prompt_of(device)
        self.read()
        self.ask("terminal length 0")
        self.ask("terminal width 511")

    def read(self):
        tail, pieces = "", []
        while not self.prompt.search(tail):
            text = self.channel.recv(65536).decode()
            if text == "":
                raise EOFError("closed")
            pieces.append(text)
            tail = (tail + text)[-256:]
        return "".join(pieces)

    def ask(self, line):
        self.channel.sendall(line + "\n")
        return self.read()

    def work(self):
        for command in order["shows"]:
            self.ask(command)
        for line in lines if order["lines"] else []:
            self.ask(line)


class Netmiko:
    def __init__(self, device):
        import netmiko

        self.connection = netmiko.ConnectHandler(
            device_type="cisco_ios", host=device["host"], port=device["port"], username="bench", password="bench", timeout=60
        )

    def work(self):
        for command in order["shows"]:
            self.connection.send_command(command)
        if order["lines"]:
            self.connection.send_config_set(order["lines"])


class Asyncssh:
    async def open(self, device):
        import asyncssh

        self.connection = await asyncssh.connect(
            device["host"], device["port"], username="bench", password="bench", known_hosts=None, client_keys=None
        )
        self.process = await self.connection.create_process(term_type="vt100", term_size=(511, 1000))
        self.prompt = prompt_of(device)
        await self.read()
        await self.ask("terminal length 0")
        await self.ask("terminal width 511")

    async def read(self):
        tail, pieces = "", []
        while not self.prompt.search(tail):
            text = await self.process.stdout.read(65536)
            if text == "":
                raise EOFError("closed")
            pieces.append(text)
            tail = (tail + text)[-256:]
        return "".join(pieces)

    async def ask(self, line):
        self.process.stdin.write(line + "\n")
        return await self.read()

    async def work(self):
        for command in order["shows"]:
            await self.ask(command)
        for line in lines if order["lines"] else []:
            await self.ask(line)


def usage():
    own = resource.getrusage(resource.RUSAGE_SELF)
    return own.ru_utime + own.ru_stime


def rounds(run):
    seconds, cpu = [], []
    for _ in range(2):
        begin, used = time.monotonic(), usage()
        run()
        seconds.append(time.monotonic() - begin)
        cpu.append(usage() - used)
    return {"cold": seconds[0], "warm": seconds[1], "coldCpu": cpu[0], "warmCpu": cpu[1]}


def with_threads(kind):
    sessions = {}

    def one(device):
        try:
            if device["name"] not in sessions:
                sessions[device["name"]] = kind(device)
            sessions[device["name"]].work()
        except Exception:
            sessions.pop(device["name"], None)
            failures.append(device["name"])

    with ThreadPoolExecutor(at_once) as pool:
        return rounds(lambda: list(pool.map(one, devices)))


def with_loop():
    sessions = {}
    loop = asyncio.new_event_loop()
    turn = asyncio.Semaphore(at_once)

    async def one(device):
        async with turn:
            try:
                if device["name"] not in sessions:
                    sessions[device["name"]] = Asyncssh()
                    await sessions[device["name"]].open(device)
                await sessions[device["name"]].work()
            except Exception:
                sessions.pop(device["name"], None)
                failures.append(device["name"])

    async def everywhere():
        await asyncio.gather(*(one(device) for device in devices))

    return rounds(lambda: loop.run_until_complete(everywhere()))


if which == "version":
    print(json.dumps({}))
else:
    found = with_loop() if which == "asyncssh" else with_threads({"paramiko": Paramiko, "netmiko": Netmiko}[which])
    found["failed"] = len(failures)
    found["rss"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps(found))
