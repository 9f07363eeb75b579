#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""guestlink beside ssh, scp, qemu-ga and a raw Unix socket, in one run on one machine.

    make bench                                (in a build directory, built without sanitizers)
    tests/bench/bench.py --build DIR [--quick] [--only WORD] [--json FILE]

Everything stays on this machine: Unix sockets, and an sshd of our own on 127.0.0.1 that listens on a
free port with keys made for the run. What is missing (sshd, qemu-ga) is left out, and said so.
Ratios are what counts: the absolute figures are this machine's.
"""
import argparse
import base64
import getpass
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

MIB = 1024 * 1024


class Bench:
    def __init__(self, build, quick):
        self.build = os.path.abspath(build)
        self.quick = quick
        self.dir = tempfile.mkdtemp(prefix="guestlink-bench-")
        self.children = []
        self.rows = []
        self.notes = []

    # ------------------------------------------------------------ what is compared

    def start_guestlink(self):
        env = dict(os.environ, GUESTLINK_CONTROL=f"{self.dir}/control.sock")
        self.env = env
        self.hostd = self.spawn([f"{self.build}/guestlink-hostd", "--listen", f"unix:{self.dir}/guests.sock,name=vm",
                                 "--control", f"{self.dir}/control.sock", "--state", f"{self.dir}/hostd",
                                 "--log-level", "warn"])
        self.agent = self.spawn([f"{self.build}/guestlink-agent", "--connect", f"unix:{self.dir}/guests.sock",
                                 "--state", f"{self.dir}/agent", "--log-level", "warn"])
        deadline = time.monotonic() + 20
        while True:
            done = subprocess.run(self.gl("wait", "--timeout", "10", "vm"), env=env, capture_output=True, text=True)
            if done.returncode == 0:
                return
            if time.monotonic() > deadline or self.hostd.poll() is not None or self.agent.poll() is not None:
                logs = "".join(open(f"{self.dir}/log-{i}").read() for i in range(2))
                sys.exit(f"guestlink does not come up: {done.stderr.strip()}\n{logs}")
            time.sleep(0.05)

    def start_ssh(self):
        self.ssh = None
        if not shutil.which("ssh") or not os.path.exists("/usr/sbin/sshd"):
            self.notes.append("ssh is left out: no ssh client or /usr/sbin/sshd")
            return
        d = f"{self.dir}/ssh"
        os.mkdir(d, 0o700)
        for name in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{d}/{name}"], check=True)
        shutil.copy(f"{d}/user.pub", f"{d}/authorized_keys")
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        with open(f"{d}/sshd_config", "w") as f:
            f.write(f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {d}/host\nPidFile none\n"
                    f"AuthorizedKeysFile {d}/authorized_keys\nStrictModes no\nUsePAM no\n"
                    "PermitRootLogin yes\nPasswordAuthentication no\nSubsystem sftp internal-sftp\n"
                    # What somebody's shell does at its start is not ssh's to answer for.
                    f"SetEnv HOME={d}\n")
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)
        self.sshd = self.spawn(["/usr/sbin/sshd", "-D", "-e", "-f", f"{d}/sshd_config"])
        self.ssh_options = ["-F", "none", "-i", f"{d}/user", "-o", "StrictHostKeyChecking=no", "-o",
                            f"UserKnownHostsFile={d}/known", "-o", "LogLevel=ERROR", "-o", "ControlMaster=auto",
                            "-o", f"ControlPath={d}/mux", "-o", "ControlPersist=600"]
        self.ssh = ["ssh", *self.ssh_options, "-p", str(port), f"{getpass.getuser()}@127.0.0.1"]
        self.scp = ["scp", "-q", *self.ssh_options, "-P", str(port)]
        self.ssh_to = f"{getpass.getuser()}@127.0.0.1"
        for _ in range(50):
            if subprocess.run([*self.ssh, "true"], capture_output=True).returncode == 0:
                return
            time.sleep(0.1)
        self.notes.append("ssh is left out: the sshd of the run does not let us in")
        self.ssh = None

    def start_qga(self):
        self.qga = None
        if not shutil.which("qemu-ga"):
            self.notes.append("qemu-ga is left out: it is not installed")
            return
        path = f"{self.dir}/qga.sock"
        self.qga_process = self.spawn(["qemu-ga", "-m", "unix-listen", "-p", path, "-t", self.dir])
        for _ in range(100):
            try:
                s = socket.socket(socket.AF_UNIX)
                s.connect(path)
                self.qga = s.makefile("rwb", buffering=0)
                self.qga_lines = s.makefile("rb")
                self.qga_call("guest-ping")
                return
            except (FileNotFoundError, ConnectionRefusedError):
                time.sleep(0.1)
        self.notes.append("qemu-ga is left out: it does not answer")
        self.qga = None

    def qga_call(self, name, **arguments):
        self.qga.write(json.dumps({"execute": name, "arguments": arguments}).encode() + b"\n")
        answer = json.loads(self.qga_lines.readline())
        if "error" in answer:
            raise RuntimeError(answer["error"]["desc"])
        return answer["return"]

    def spawn(self, argv):
        log = open(f"{self.dir}/log-{len(self.children)}", "wb")
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.children.append(child)
        return child

    def gl(self, *args):
        return [f"{self.build}/guestlink", *args]

    def raw(self, *args):
        return float(subprocess.run([f"{self.build}/tests/bench/raw-socket", *map(str, args)], check=True,
                                    capture_output=True, text=True).stdout)

    def run(self, argv, **kw):
        """Runs it and returns the seconds it took."""
        start = time.perf_counter()
        subprocess.run(argv, check=True, env=self.env, **kw)
        return time.perf_counter() - start

    def best(self, times, argv, **kw):
        return min(self.run(argv, **kw) for _ in range(times))

    def row(self, what, unit, better, aim="", **figures):
        self.rows.append((what, unit, better, aim, figures))
        print(f"  {what}: " + ", ".join(f"{k} {v:.3g} {unit}" for k, v in figures.items()), file=sys.stderr)

    # ------------------------------------------------------------ measurements

    def round_trip(self):
        n = 500 if self.quick else 3000
        out = subprocess.run(self.gl("--json", "ping", "-c", str(n), "-i", "0", "vm"), env=self.env, check=True,
                             capture_output=True, text=True).stdout.splitlines()
        figures = {"guestlink": json.loads(out[-1])["summary"]["median_ms"] * 1000}
        if self.ssh:
            cat = subprocess.Popen([*self.ssh, "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
            times = []
            for _ in range(n):
                start = time.perf_counter()
                cat.stdin.write(b"x")
                cat.stdout.read(1)
                times.append(time.perf_counter() - start)
            cat.stdin.close()
            cat.wait()
            figures["ssh"] = statistics.median(times) * 1e6
        if self.qga:
            times = []
            for _ in range(n):
                start = time.perf_counter()
                self.qga_call("guest-ping")
                times.append(time.perf_counter() - start)
            figures["qemu-ga"] = statistics.median(times) * 1e6
        figures["raw"] = self.raw("rtt", n)
        self.row("round trip", "us", "less", **figures)

    def exec_true(self):
        n = 30 if self.quick else 200

        def loop(argv):
            return self.run(["sh", "-c", 'i=0; while [ $i -lt "$N" ]; do "$@" || exit 1; i=$((i+1)); done', "sh",
                             *argv], stdin=subprocess.DEVNULL) / n * 1000

        self.env["N"] = str(n)
        figures = {"guestlink": loop(self.gl("exec", "vm", "--", "/bin/true"))}
        if self.ssh:
            figures["ssh"] = loop([*self.ssh, "/bin/true"])
        if self.qga:
            start = time.perf_counter()
            for _ in range(n):
                pid = self.qga_call("guest-exec", path="/bin/true")["pid"]
                while not self.qga_call("guest-exec-status", pid=pid)["exited"]:
                    pass
            figures["qemu-ga"] = (time.perf_counter() - start) / n * 1000
        figures["raw"] = self.raw("spawn", n)
        self.row("exec /bin/true", "ms", "less", "a fifth of ssh's", **figures)

    def stdout(self):
        size = (1 if self.quick else 4) * 1024 * MIB
        null = open("/dev/null", "wb")
        source = f"{self.dir}/stream"  # in the page cache, so that no disk is measured
        with open(source, "wb") as f:
            for _ in range(size // MIB):
                f.write(bytes(MIB))
        command = ["cat", source]
        mb = size / 1e6
        figures = {"guestlink": mb / self.best(2, self.gl("exec", "vm", "--", *command), stdout=null)}
        if self.ssh:
            figures["ssh"] = mb / self.best(2, [*self.ssh, *command], stdout=null)
        figures["raw"] = max(self.raw("stream", source) for _ in range(2))
        self.row("stdout of a command", "MB/s", "more", "3 x ssh, half of raw", **figures)
        os.unlink(source)

    def big_file(self):
        size = (256 if self.quick else 1024) * MIB
        source, target = f"{self.dir}/big", f"{self.dir}/big.copy"
        with open("/dev/urandom", "rb") as rnd, open(source, "wb") as f:
            for _ in range(size // MIB):
                f.write(rnd.read(MIB))
        mb = size / 1e6

        def fresh(argv):
            best = 0
            for _ in range(2):
                if os.path.exists(target):
                    os.unlink(target)
                os.sync()
                best = max(best, mb / self.run(argv, stdout=subprocess.DEVNULL))
            return best

        for way, ours, theirs in (("to the guest", [source, f"vm:{target}"], lambda: [source, f"{self.ssh_to}:{target}"]),
                                  ("from the guest", [f"vm:{source}", target], lambda: [f"{self.ssh_to}:{source}", target])):
            figures = {"guestlink": fresh(self.gl("cp", "--quiet", *ours))}
            if self.ssh:
                figures["scp"] = fresh([*self.scp, *theirs()])
            if self.qga and way == "from the guest":
                figures["qemu-ga"] = self.qga_read(source, 32 * MIB)
            if self.qga and way == "to the guest":
                figures["qemu-ga"] = self.qga_write(source, target, 32 * MIB)
            if os.path.exists(target):
                os.unlink(target)
            os.sync()
            figures["raw"] = self.raw("file", source, target)
            self.row(f"cp {size // MIB} MiB {way}", "MB/s", "more", "2.5 x scp", **figures)
        os.unlink(source)
        os.unlink(target)

    def qga_read(self, path, size):
        start, done = time.perf_counter(), 0
        handle = self.qga_call("guest-file-open", path=path, mode="r")
        while done < size:
            part = self.qga_call("guest-file-read", handle=handle, count=MIB)
            done += len(base64.b64decode(part["buf-b64"]))
        self.qga_call("guest-file-close", handle=handle)
        return done / 1e6 / (time.perf_counter() - start)

    def qga_write(self, source, target, size):
        start, done = time.perf_counter(), 0
        handle = self.qga_call("guest-file-open", path=target, mode="w")
        with open(source, "rb") as f:
            while done < size:
                part = f.read(MIB)
                self.qga_call("guest-file-write", handle=handle, **{"buf-b64": base64.b64encode(part).decode()})
                done += len(part)
        self.qga_call("guest-file-close", handle=handle)
        os.unlink(target)
        return done / 1e6 / (time.perf_counter() - start)

    def small_files(self):
        count = 1000 if self.quick else 5000
        tree, target = f"{self.dir}/tree", f"{self.dir}/tree.copy"
        for i in range(count):
            os.makedirs(f"{tree}/{i // 100}", exist_ok=True)
            with open(f"{tree}/{i // 100}/{i}", "wb") as f:
                f.write(os.urandom(1000 + i % 3000))

        def fresh(argv):
            best = None
            for _ in range(2):
                shutil.rmtree(target, ignore_errors=True)
                os.sync()
                taken = self.run(argv, stdout=subprocess.DEVNULL)
                best = min(best or taken, taken)
            return best

        for way, ours, theirs in (("to the guest", [tree, f"vm:{target}"], lambda: [tree, f"{self.ssh_to}:{target}"]),
                                  ("from the guest", [f"vm:{tree}", target], lambda: [f"{self.ssh_to}:{tree}", target])):
            figures = {"guestlink": fresh(self.gl("cp", "-r", "--quiet", *ours))}
            if self.ssh:
                figures["scp"] = fresh([*self.scp, "-r", *theirs()])
            self.row(f"cp of {count} files {way}", "s", "less", "2.5 x scp", **figures)

    def memory(self):
        def rss(pid):
            with open(f"/proc/{pid}/status") as f:
                return next(int(line.split()[1]) / 1024 for line in f if line.startswith("VmRSS"))

        figures = {"guestlink": rss(self.agent.pid), "hostd": rss(self.hostd.pid)}
        if self.ssh:
            figures["ssh"] = rss(self.sshd.pid)
        if self.qga:
            figures["qemu-ga"] = rss(self.qga_process.pid)
        return figures

    def table(self):
        columns = ["guestlink", "hostd", "ssh", "scp", "qemu-ga", "raw"]
        columns = [c for c in columns if any(c in r[4] for r in self.rows)]
        print("\n| what | unit | " + " | ".join(columns) + " | guestlink against | to aim at |")
        print("|---" * (len(columns) + 4) + "|")
        for what, unit, better, aim, figures in self.rows:
            ours = figures["guestlink"]
            ratios = []
            for name, value in figures.items():
                if name not in ("guestlink", "hostd"):
                    ratio = value / ours if better == "less" else ours / value
                    ratios.append(f"{name} {ratio:.2f}x")
            cells = " | ".join(f"{figures[c]:.4g}" if c in figures else "" for c in columns)
            print(f"| {what} | {unit} | {cells} | {', '.join(ratios)} | {aim} |")
        print("\nA ratio over 1 means that guestlink is better by that factor.")
        for note in self.notes:
            print(f"Note: {note}")

    def stop(self):
        if getattr(self, "ssh", None):
            subprocess.run([*self.ssh, "-O", "exit"], capture_output=True)
        for child in reversed(self.children):
            child.terminate()
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=".", help="build directory")
    parser.add_argument("--quick", action="store_true", help="smaller sizes, for a first look")
    parser.add_argument("--only", default="", help="only the measurements whose name contains this")
    parser.add_argument("--json", help="write the figures there as well")
    args = parser.parse_args()
    bench = Bench(args.build, args.quick)
    try:
        bench.start_guestlink()
        bench.start_ssh()
        bench.start_qga()
        idle = bench.memory()
        for step in (bench.round_trip, bench.exec_true, bench.stdout, bench.big_file, bench.small_files):
            if args.only in step.__name__:
                step()
        bench.row("resident memory, idle at start", "MiB", "less", "agent under 4", **idle)
        bench.row("resident memory, after all this", "MiB", "less", "", **bench.memory())
        bench.table()
        if args.json:
            with open(args.json, "w") as f:
                json.dump([dict(what=r[0], unit=r[1], better=r[2], figures=r[4]) for r in bench.rows], f, indent=1)
    finally:
        bench.stop()


if __name__ == "__main__":
    main()
