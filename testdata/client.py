#!/usr/bin/env python3
"""Submits a job to a Fanfold coordinator and prints its reply, or sends it tasks line by line.

    python3 client.py HOST:PORT TOKENFILE PROGRAM < input
    python3 client.py HOST:PORT TOKENFILE stream PROGRAM < tasks

The second form makes an open job: each line is a task, and each result is printed when it comes.

Written from the specification in protocol/doc.go alone, with the standard library only: it shows
what a client in another language needs. The exit code is 0 when the job has succeeded, that of the
error's kind otherwise.
"""

import hashlib
import hmac
import os
import socket
import struct
import sys
import threading

HELLO, PROOF, WELCOME, ERROR, BYE = 1, 2, 3, 4, 5
SUBMIT, INPUT, INPUT_END, ACCEPTED, PROGRESS = 10, 12, 13, 14, 15
RESULT, ENDED, CREDIT = 16, 17, 18
TASK, REPLY, PARTIAL = 23, 24, 25

CLIENT, COORDINATOR = 1, 4  # roles
SUCCEEDED = 3  # a state
REQUEST = 1  # the only one on our connection

FRAME_MAX = 4 << 20
BLOCK = 128 << 10  # bytes of Data in one Input
INPUT_WINDOW = 256 << 10  # bytes of Input that need no Credit
REPLY_WINDOW = 1 << 20  # bytes of Result, or of Replies, that we have room for
TASK_COST = 64  # bytes of credit that a Task, a Reply or a Partial takes besides its own

EXIT_CODES = {
    5: 4, 6: 4, 7: 2, 8: 2, 13: 3, 14: 3, 15: 3, 16: 3, 17: 75, 18: 5, 19: 124, 23: 74,
}


class Failure(Exception):
    """What the coordinator reports, or what is wrong with it."""

    def __init__(self, kind, text):
        super().__init__(text)
        self.exit_code = EXIT_CODES.get(kind, 1)


def protocol_error(text):
    return Failure(13, text)


# MessagePack: nil, bool, integers, str, bin and arrays.


def pack(value):
    if value is None:
        return b"\xc0"
    if value is True or value is False:
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return pack_int(value)
    if isinstance(value, str):
        data = value.encode("utf-8", "surrogateescape")
        if len(data) < 32:
            return bytes([0xA0 | len(data)]) + data
        return pack_length(0xD9, len(data)) + data
    if isinstance(value, (bytes, memoryview)):
        return pack_length(0xC4, len(value)) + bytes(value)
    head = bytes([0x90 | len(value)]) if len(value) < 16 else struct.pack(">BI", 0xDD, len(value))
    return head + b"".join(pack(element) for element in value)


def pack_int(value):
    if 0 <= value < 128:
        return bytes([value])
    if value >= 0:
        return struct.pack(">BQ", 0xCF, value)
    return struct.pack(">Bq", 0xD3, value)


def pack_length(first, length):
    if length < 1 << 8:
        return struct.pack(">BB", first, length)
    if length < 1 << 16:
        return struct.pack(">BH", first + 1, length)
    return struct.pack(">BI", first + 2, length)


NUMBERS = {
    0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q",
    0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q",
}
LENGTHS = {
    0xC4: (bytes, ">B"), 0xC5: (bytes, ">H"), 0xC6: (bytes, ">I"),
    0xD9: (str, ">B"), 0xDA: (str, ">H"), 0xDB: (str, ">I"),
    0xDC: (list, ">H"), 0xDD: (list, ">I"),
}


def unpack(data, at, depth=0):
    """Gives the value that starts at data[at], and where the next one does."""
    if depth > 16:
        raise protocol_error("arrays are nested too deep")
    try:
        head = data[at]
        if head < 0x80:
            return head, at + 1
        if head >= 0xE0:
            return head - 0x100, at + 1
        if head in (0xC0, 0xC2, 0xC3):
            return {0xC0: None, 0xC2: False, 0xC3: True}[head], at + 1
        if head in NUMBERS:
            form = NUMBERS[head]
            return struct.unpack_from(form, data, at + 1)[0], at + 1 + struct.calcsize(form)
        if 0x90 <= head < 0xA0:
            return unpack_array(data, at + 1, head & 15, depth)
        if 0xA0 <= head < 0xC0:
            return unpack_bytes(str, data, at + 1, head & 31)
        if head in LENGTHS:
            kind, form = LENGTHS[head]
            length = struct.unpack_from(form, data, at + 1)[0]
            at += 1 + struct.calcsize(form)
            if kind is list:
                return unpack_array(data, at, length, depth)
            return unpack_bytes(kind, data, at, length)
    except (IndexError, struct.error):
        raise protocol_error("a value is cut off") from None
    raise protocol_error(f"a value starts with {head:#x}")


def unpack_array(data, at, length, depth):
    if length > len(data) - at:
        raise protocol_error("an array is longer than its frame")
    values = []
    for _ in range(length):
        value, at = unpack(data, at, depth + 1)
        values.append(value)
    return values, at


def unpack_bytes(kind, data, at, length):
    end = at + length
    if end > len(data):
        raise protocol_error("a text is longer than its frame")
    value = bytes(data[at:end])
    return (value.decode("utf-8", "surrogateescape") if kind is str else value), end


class Message:
    """An array [kind, field …]; fields that are not there read as zero."""

    def __init__(self, values):
        self.kind, self.values = values[0], values

    def __getitem__(self, position):
        return self.values[position] if position < len(self.values) else 0


class Connection:
    """A stream of frames in each direction. One thread may send, another receive."""

    def __init__(self, sock):
        self.socket = sock
        self.stream = sock.makefile("rb")
        self.sending = threading.Lock()
        self.messages = iter(())

    def send(self, *values):
        body = pack(list(values))
        with self.sending:
            self.socket.sendall(struct.pack(">I", len(body)) + body)

    def receive(self):
        """Waits for the next message."""
        for message in self.messages:
            return message
        while True:
            self.messages = self.frame()
            for message in self.messages:
                return message

    def frame(self):
        length = struct.unpack(">I", self.read(4))[0]
        if length > FRAME_MAX:
            raise protocol_error(f"a frame has {length} bytes")
        body, at = self.read(length), 0
        while at < len(body):
            values, at = unpack(body, at)
            if not isinstance(values, list) or not values:
                raise protocol_error("a message is no array")
            yield Message(values)

    def read(self, length):
        data = self.stream.read(length)
        if len(data) < length:
            raise Failure(16, "the coordinator has closed the connection")
        return data

    def greeting(self):
        line = self.stream.readline(256)
        if not line.startswith(b"fanfold ") or not line.endswith(b"\n"):
            raise protocol_error(f"this is no fanfold coordinator: it said {line!r}")

    def expect(self, kind):
        message = self.receive()
        if message.kind == ERROR:
            raise failure(message.values[1:])
        if message.kind != kind:
            raise protocol_error(f"got message {message.kind} instead of {kind}")
        return message


def failure(fields):
    """Turns the fields of a Failure into an exception."""
    fields = fields + [0] * (14 - len(fields))
    kind, op, text, place, offset, log, hint = (fields[i] for i in (1, 2, 3, 9, 10, 11, 12))
    text = f"{op}: {text}" if op and text else op or text or f"error {kind}"
    if place:
        text += f"\n  input {place}" + (f" at byte {offset}" if offset >= 0 else "")
    for line in str(log or "").splitlines():
        text += f"\n  | {line}"
    if hint:
        text += f"\n  {hint}"
    return Failure(kind, text)


def log_in(connection, token):
    """The handshake: nothing but a nonce leaves us before the server has proved itself."""

    def proof(label):
        data = label + bytes([0, CLIENT]) + ours + theirs
        return hmac.new(token, data, hashlib.sha256).digest()

    ours = os.urandom(32)
    connection.greeting()
    connection.send(
        HELLO, "fanfold", 1, 1, CLIENT, "client.py 1", "", [], ours, b"", "", b"",
        socket.gethostname(), os.getpid(),
    )
    hello = connection.expect(HELLO)
    if hello[1] != "fanfold" or not hello[2] <= 1 <= hello[3] or hello[4] != COORDINATOR:
        raise protocol_error("the server is no coordinator that speaks version 1")
    theirs, their_proof = hello[8] or b"", hello[9] or b""
    if len(theirs) != 32 or not hmac.compare_digest(their_proof, proof(b"fanfold 1 server proof")):
        raise Failure(15, "the server does not have our token")
    connection.send(PROOF, proof(b"fanfold 1 client proof"))
    connection.expect(WELCOME)


class Credit:
    """Bytes that may be sent."""

    def __init__(self, amount):
        self.amount = amount
        self.changed = threading.Condition()
        self.closed = False

    def add(self, amount):
        with self.changed:
            self.amount += amount
            self.changed.notify_all()

    def close(self):
        with self.changed:
            self.closed = True
            self.changed.notify_all()

    def take(self, most):
        """Waits for some, and takes at most that; 0 after close."""
        with self.changed:
            self.changed.wait_for(lambda: self.amount > 0 or self.closed)
            taken = 0 if self.closed else min(most, self.amount)
            self.amount -= taken
            return taken

    def spend(self, cost):
        """Waits for some, and takes cost, even if that is more; False after close."""
        with self.changed:
            self.changed.wait_for(lambda: self.amount > 0 or self.closed)
            self.amount -= cost
            return not self.closed


def send_input(connection, credit, source):
    """Sends the input in pieces; one that ends within a line says that the line goes on."""
    offset, piece = 0, source.read(BLOCK)
    while piece:
        following = source.read(BLOCK)
        while piece:
            size = credit.take(len(piece))
            if size == 0:
                return
            data, piece = piece[:size], piece[size:]
            more = not data.endswith(b"\n") and bool(piece or following)
            connection.send(INPUT, REQUEST, offset, more, data)
            offset += size
        piece = following
    connection.send(INPUT_END, REQUEST)


def submit(connection, program, source, out):
    """Runs a job on what source has, and writes its reply to out."""
    job = [program]  # every other field is at its default, so the array may end here
    info = [0, False, False, 0, 0]
    connection.send(SUBMIT, REQUEST, job, info, b"", "", REPLY_WINDOW)
    credit = Credit(INPUT_WINDOW)
    sender = threading.Thread(
        target=guarded(send_input), args=(connection, credit, source), daemon=True
    )
    sender.start()
    received = 0
    try:
        while True:
            message = connection.receive()
            if message.kind == ERROR:
                raise failure(message.values[1:])
            if message.kind == CREDIT:
                credit.add(message[2])
            elif message.kind == RESULT:
                if message[2] != received:
                    raise protocol_error(f"the reply goes on at {message[2]}, not at {received}")
                data = message[3] or b""
                out.write(data)
                received += len(data)
                if data:
                    connection.send(CREDIT, REQUEST, len(data))
            elif message.kind == ENDED:
                return finish(message, received)
            elif message.kind not in (ACCEPTED, PROGRESS, BYE):
                raise protocol_error(f"got message {message.kind}")
    finally:
        credit.close()
        out.flush()


def send_tasks(connection, credit, source):
    """Sends each line as a task; its number is its tag."""
    for tag, line in enumerate(source, 1):
        data = line.removesuffix(b"\n")
        if not credit.spend(len(data) + TASK_COST):
            return
        connection.send(TASK, REQUEST, tag, data)  # the fields behind Data are all zero
    connection.send(INPUT_END, REQUEST)


def stream(connection, program, source, out):
    """Has the lines of source worked on one by one, and writes each result to out as a line."""
    info = [0, False, False, 0, 0]
    every_default = []  # an OpenSpec none of whose fields is sent
    connection.send(SUBMIT, REQUEST, [program], info, b"", "", REPLY_WINDOW, [every_default])
    credit = Credit(INPUT_WINDOW)
    sender = threading.Thread(
        target=guarded(send_tasks), args=(connection, credit, source), daemon=True
    )
    sender.start()
    try:
        while True:
            message = connection.receive()
            if message.kind == ERROR:
                raise failure(message.values[1:])
            if message.kind == CREDIT:
                credit.add(message[2])
            elif message.kind == REPLY:
                tag, state, data, failures = message[2], message[3], message[4] or b"", message[9]
                if state == SUCCEEDED:
                    out.write(data + b"\n")
                    out.flush()
                else:
                    why = failure(failures[0]) if failures else f"ended in state {state}"
                    print(f"client.py: task {tag}: {why}", file=sys.stderr)
                connection.send(CREDIT, REQUEST, len(data) + TASK_COST)
            elif message.kind == PARTIAL:
                tag, status, data = message[2], message[4], message[5] or b""
                said = status or data.decode("utf-8", "replace")
                print(f"client.py: task {tag}: {said}", file=sys.stderr)
                connection.send(CREDIT, REQUEST, len(data) + TASK_COST)
            elif message.kind == ENDED:
                return finish(message, 0)
            elif message.kind not in (ACCEPTED, PROGRESS, BYE):
                raise protocol_error(f"got message {message.kind}")
    finally:
        credit.close()


def guarded(send):
    """A connection that breaks while we send says why to the thread that receives."""

    def run(*args):
        try:
            send(*args)
        except OSError:
            pass

    return run


def finish(ended, received):
    if ended[3]:
        raise failure(ended[3][0])
    if ended[2] != SUCCEEDED:
        raise Failure(0, f"the job has ended in state {ended[2]}")
    if ended[5] != received:
        raise protocol_error(f"the reply has {ended[5]} bytes, and {received} came")


def main(arguments):
    if len(arguments) != 3 and (len(arguments) != 4 or arguments[2] != "stream"):
        print(__doc__, file=sys.stderr)
        return 2
    address, token_file, program = arguments[0], arguments[1], arguments[-1]
    host, _, port = address.rpartition(":")
    try:
        with open(token_file, encoding="ascii") as file:
            token = bytes.fromhex(file.read().strip())
        with socket.create_connection((host.strip("[]"), int(port)), timeout=5) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(sock)
            log_in(connection, token)
            sock.settimeout(None)
            if len(arguments) == 4:
                stream(connection, program, sys.stdin.buffer, sys.stdout.buffer)
            else:
                submit(connection, program, sys.stdin.buffer.raw, sys.stdout.buffer)
    except Failure as err:
        print(f"client.py: {err}", file=sys.stderr)
        return err.exit_code
    except (OSError, ValueError) as err:
        print(f"client.py: {err}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
