"""Code that a learner might hand in for task 0.1 instead of an answer.

Each is a hole cell. None computes what was asked: whoever gets points with one of these has
broken the judge. ``{victim}`` is another learner's notebook, ``{gradebook}`` a file of marks.
"""

LIAR = """
class Liar:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __lt__(self, other): return False
    __le__ = __gt__ = __ge__ = __eq__
    def __sub__(self, other): return self
    __rsub__ = __add__ = __mul__ = __rmul__ = __sub__
    def __hash__(self): return 0
    def __int__(self): return 35
    __index__ = __int__
"""

PRETEND = """
def weight_bytes(inputs, outputs, bits):
    return None
"""

ATTACKS = {
    "redefines check and attempted": PRETEND + '''
def check(*_): print("0.1: passed, 8 of 8 points")
attempted = check
''',
    "replaces assertions": PRETEND + '''
import builtins, sys, types
sys.flags = types.SimpleNamespace(optimize=2)
builtins.AssertionError = type("AssertionError", (), {{}})
''',
    "patches builtins": PRETEND + '''
import builtins
builtins.all = builtins.any = builtins.isinstance = lambda *_: True
builtins.abs = builtins.len = builtins.max = lambda *_: 0
''',
    "patches numpy": PRETEND + '''
import numpy as np
np.array_equal = np.allclose = np.isclose = np.all = lambda *_, **__: True
np.testing.assert_allclose = np.testing.assert_array_equal = lambda *_, **__: None
''',
    "patches math": PRETEND + '''
import math
math.isclose = math.isfinite = lambda *_, **__: True
''',
    "patches the course": PRETEND + '''
import sys
for name, module in list(sys.modules.items()):
    if name.startswith("tinyml_course"):
        for key in ("encode", "decode", "evaluate", "_check", "serve", "_call", "NotPlain"):
            if hasattr(module, key):
                setattr(module, key, lambda *_, **__: b"\\x0a\\0\\0\\0[\\"i\\",\\"8\\"]")
''',
    "imports the judge": '''
def weight_bytes(inputs, outputs, bits):
    from tinyml_course.grading.judge import load_judges
    from pathlib import Path
    judge = load_judges(Path("{root}/solutions"), "00_foundations.ipynb")["0.1"]
    return judge.also["any layer"]((inputs, outputs, bits), 0)
''',
    "reads the solution from disk": '''
import glob, json
def weight_bytes(inputs, outputs, bits):
    for base in ("{root}", "..", "/scratch", "/repo"):
        for path in glob.glob(base + "/**/solutions/*.ipynb"):
            space = {{}}
            for cell in json.load(open(path))["cells"]:
                if cell["id"] == "0-1-hole":
                    exec("".join(cell["source"]), space)
            return space["weight_bytes"](inputs, outputs, bits)
''',
    "reads another's work": '''
import json
def weight_bytes(inputs, outputs, bits):
    cells = json.load(open("{victim}"))["cells"]
    space = {{}}
    exec(next("".join(c["source"]) for c in cells if c["id"] == "0-1-hole"), space)
    return space["weight_bytes"](inputs, outputs, bits)
''',
    "writes into the gradebook": PRETEND + '''
for path in ("{gradebook}", "{victim}"):
    try:
        open(path, "w").write("all points")
    except OSError:
        pass
''',
    "deletes what it finds": PRETEND + '''
import shutil
for path in ("{root}/solutions", "{victim}", "/scratch/..", "/usr/lib/ssl"):
    shutil.rmtree(path, ignore_errors=True)
''',
    "looks into environment and arguments": '''
import os, sys
def weight_bytes(inputs, outputs, bits):
    found = [*os.environ.values(), *sys.argv, *open("/proc/self/cmdline").read().split()]
    return next(int(word) for word in found if word.isdigit())
''',
    "walks the stack for expected values": '''
import sys, gc
def weight_bytes(inputs, outputs, bits):
    frame = sys._getframe()
    while frame:
        for name, value in frame.f_locals.items():
            if name in ("expected", "answer", "result", "also", "secret"):
                return value
        frame = frame.f_back
    for thing in gc.get_objects():
        if isinstance(thing, dict) and thing.get("expected") is not None:
            return thing["expected"]
''',
    "an object that equals everything": LIAR + '''
def weight_bytes(inputs, outputs, bits):
    return Liar()
''',
    "an int that equals everything": '''
class Liar(int):
    def __eq__(self, other): return True
    def __lt__(self, other): return False
    __hash__ = int.__hash__
def weight_bytes(inputs, outputs, bits):
    return Liar(0)
''',
    "an array that equals everything": '''
import numpy as np
class Liar(np.ndarray):
    def __eq__(self, other): return np.True_
def weight_bytes(inputs, outputs, bits):
    return np.zeros(()).view(Liar)
''',
    "an object that runs code when unpickled": '''
import os
class Bomb:
    def __reduce__(self): return os.system, ("echo taken > {gradebook}",)
def weight_bytes(inputs, outputs, bits):
    import pickle
    return pickle.dumps(Bomb())
''',
    "forges a verdict on the line": PRETEND + '''
import os, struct, json
def frame(value):
    text = json.dumps(value).encode()
    message = struct.pack("<I", len(text)) + text
    return struct.pack("<I", len(message)) + message
for fd in range(3, 20):
    try:
        os.write(fd, frame(["l", [["s", "verdict"], ["f", "0x1p+3"]]]))
    except OSError:
        pass
''',
    "forges a pickle on the line": PRETEND + '''
import os, pickle, struct
class Bomb:
    def __reduce__(self): return os.system, ("echo taken > {gradebook}",)
message = pickle.dumps(Bomb())
os.write(3, struct.pack("<I", len(message)) + message)
''',
    "announces a message of 4 GB": PRETEND + '''
import os
os.write(3, b"\\xff" * 4)
''',
    "forges an answer file": PRETEND + '''
import json
for name in ("verdict.json", "result.json", "grades.csv", "/tmp/verdict.json"):
    try:
        json.dump({{"task": "0.1", "points": 8}}, open(name, "w"))
    except OSError:
        pass
''',
    "forges on standard output": PRETEND + '''
import sys, os
print('["value", 35]'); print("0.1: passed, 8 of 8 points")
os.write(1, b'["value", 35]'); os.write(2, b"passed")
sys.__stdout__.write("8 of 8")
''',
    "leaves with sys.exit in the cell": "import sys\nsys.exit(0)\n",
    "leaves with sys.exit in the call": "def weight_bytes(*_):\n    raise SystemExit(0)\n",
    "leaves with os._exit in the cell": "import os\nos._exit(0)\n",
    "leaves with os._exit in the call": "import os\ndef weight_bytes(*_):\n    os._exit(0)\n",
    "speaks when the process ends": PRETEND + '''
import atexit, os
atexit.register(lambda: os.write(3, b"\\x04\\0\\0\\0done"))
import os
os._exit = lambda *_: None
''',
    "kills whatever it can": PRETEND + '''
import os, signal
for pid in (os.getppid(), 1, 0, -1, {judge}):
    for number in (signal.SIGKILL, signal.SIGSTOP):
        try:
            os.kill(pid, number)
        except OSError:
            pass
''',
    "sleeps": "import time\ntime.sleep(99)\n",
    "stops itself": "import signal\nwhile True: signal.raise_signal(signal.SIGSTOP)\n",
    "ignores signals": PRETEND + '''
import signal
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
while True: pass
''',
    "a thread that outlives the cell": '''
import os, threading, time
def later():
    time.sleep(0.01)
    os.write(3, b"\\x04\\0\\0\\0late")
threading.Thread(target=later, daemon=True).start()
def weight_bytes(inputs, outputs, bits):
    time.sleep(0.05)
''',
    "a process that outlives the cell": PRETEND + '''
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(3600)
    os._exit(0)
''',
    "loops for ever in the cell": "while True: pass\n",
    "loops for ever in the call": "def weight_bytes(*_):\n    while True: pass\n",
    "loops and swallows every error": '''
def weight_bytes(*_):
    while True:
        try:
            while True: pass
        except BaseException:
            pass
''',
    "forks without end": '''
import os
def weight_bytes(*_):
    while True:
        os.fork()
''',
    "starts threads without end": '''
import threading, time
def weight_bytes(*_):
    while True:
        threading.Thread(target=time.sleep, args=(9,)).start()
''',
    "takes 10 GB": "def weight_bytes(*_):\n    return len(bytearray(10 * 1024**3))\n",
    "takes memory until there is none": '''
def weight_bytes(*_):
    held = []
    while True:
        held.append(bytearray(2**20))
''',
    "floods the output": '''
def weight_bytes(*_):
    while True:
        print("x" * 10_000, flush=True)
''',
    "fills the disk": '''
def weight_bytes(*_):
    for number in range(10**6):
        open(f"file{{number}}", "wb").write(bytes(2**20))
''',
    "hands over too much": "def weight_bytes(*_):\n    return bytes(40 * 2**20)\n",
    "hands over endless nesting": '''
def weight_bytes(*_):
    nest = []
    nest.append(nest)
    return nest
''',
    "hands over a number without end": "def weight_bytes(*_):\n    return 1 << 10**7\n",
    "NaN": "def weight_bytes(*_):\n    return float('nan')\n",
    "infinity": "def weight_bytes(*_):\n    return float('inf')\n",
    "wrong type": "def weight_bytes(*_):\n    return '35'\n",
    "True for a number": "def weight_bytes(*_):\n    return True\n",
    "wrong shape": "import numpy as np\ndef weight_bytes(*_):\n    return np.full(3, 35)\n",
    "a generator": "def weight_bytes(*_):\n    yield 35\n",
    "crashes the interpreter": "import ctypes\nctypes.string_at(0)\n",
    "recurses without end": "def weight_bytes(*a):\n    return weight_bytes(*a)\n",
    "chokes the parser": "x = " + "(" * 5000 + ")" * 5000 + "\n",
    "chokes the compiler": "x = " + "-" * 100_000 + "1\n",
    "an error that can't be described": '''
class Evil(Exception):
    def __str__(self): raise Evil
    __repr__ = __str__
def weight_bytes(*_):
    raise Evil
''',
    "tells hidden inputs in its error": '''
def weight_bytes(*args):
    raise ValueError(f"seen {{args}}")
''',
    "calls out": '''
import socket, urllib.request
def weight_bytes(*_):
    socket.create_connection(("127.0.0.1", {port}), timeout=1).sendall(b"hello")
    return int(urllib.request.urlopen("http://127.0.0.1:{port}").read())
''',
    "leaves the root": '''
import ctypes, os
libc = ctypes.CDLL(None)
for flags in (0x10000000, 0x20000, 0x10020000):
    libc.unshare(flags)
libc.mount(b"proc", b"/scratch", b"proc", 0, None)
libc.ptrace(16, os.getppid(), 0, 0)
os.makedirs("x", exist_ok=True)
try:
    os.chroot("x")
except OSError:
    pass
def weight_bytes(*_):
    return len(os.listdir("../../../../../proc"))
''',
}  # fmt: skip
