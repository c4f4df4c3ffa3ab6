"""The usbmuxd that simulated iPhones are attached to: sockets, threads, and connections to a phone's ports.

One thread accepts connections, and one more serves each of them; `stop` cuts every socket first and then joins the
threads. A connection belongs to usbmuxd until a Connect is granted. Then it belongs to the phone: to lockdownd on port
62078, otherwise to the service that StartService opened.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.lockdown import lockdownd
from migrate.simulator.lockdown.certificates import TrustedComputer
from migrate.simulator.lockdown.lockdownd import OpenPort, Ports
from migrate.simulator.usbmuxd.listeners import LOOPBACK, ConnectionAcceptor, open_tcp, open_unix
from migrate.simulator.usbmuxd.streams import Inbox, SocketStream
from migrate.udid import normalize_udid, same_udid
from migrate.wire import lockdown, usbmux
from migrate.wire.plist_frames import PeerBroke
from migrate.wire.usbmux import Result, ResultCode, State, UsbmuxServer

CONNECTION_TYPES = ("USB", "Network")


@dataclass(eq=False)
class _PluggedIn:
    """One phone while it is on the cable."""

    phone: SimulatedPhone
    devices: list[usbmux.Device]
    ports: Ports = field(default_factory=Ports)
    streams: set[SocketStream] = field(default_factory=set)


@dataclass(eq=False)
class _Listener:
    stream: SocketStream
    mux: UsbmuxServer
    program: str


class PairRecords:
    """The pair records that usbmuxd keeps in /var/lib/lockdown. They stay if a phone forgets the computer."""

    def __init__(self) -> None:
        self.computer = TrustedComputer()
        self._records: dict[str, bytes] = {}
        self._trusted_before: set[str] = set()
        self._lock = threading.Lock()

    def on_first_attach(self, phone: SimulatedPhone) -> None:
        """A phone is plugged in for the first time. If it trusts this computer, `read` will create its record."""
        if phone.trust == "trusted":
            self._trusted_before.add(normalize_udid(phone.udid))

    def read(self, udid: str, phone: SimulatedPhone | None) -> bytes | None:
        key = normalize_udid(udid)
        with self._lock:
            if key not in self._records and key in self._trusted_before and phone and phone.trust == "trusted":
                self._records[key] = self.computer.pair(phone)
            self._trusted_before.discard(key)
            return self._records.get(key)

    def save(self, udid: str, record: bytes) -> None:
        with self._lock:
            self._trusted_before.discard(normalize_udid(udid))
            self._records[normalize_udid(udid)] = record

    def delete(self, udid: str) -> bool:
        """Deletes a record. Returns whether it existed."""
        with self._lock:
            self._trusted_before.discard(normalize_udid(udid))
            return self._records.pop(normalize_udid(udid), None) is not None


class SimulatedUsbmuxd:
    """A usbmuxd with simulated iPhones. Use it as a context manager, or `start` and `stop`."""

    def __init__(
        self,
        phones: Iterable[SimulatedPhone] = (),
        *,
        listen: tuple[str, int] | None = (LOOPBACK, 0),
        socket_path: Path | None = None,
    ) -> None:
        self.phones: list[SimulatedPhone] = list(phones)
        if len({phone.udid for phone in self.phones}) < len(self.phones):
            raise ValueError("two phones have the same UDID")
        self.pair_records = PairRecords()
        self.address = ""
        self._listen = listen
        self._socket_path = socket_path
        self._lock = threading.RLock()
        self._plugged_in: dict[str, _PluggedIn] = {}
        self._next_device_id = 1
        self._listeners: list[_Listener] = []
        self._streams: set[SocketStream] = set()
        self._acceptor: ConnectionAcceptor | None = None
        self._threads: list[threading.Thread] = []  # of connections; only the acceptor's thread appends
        self._running = False

    def __enter__(self) -> SimulatedUsbmuxd:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    # --- the cable

    def start(self) -> str:
        """Starts listening and plugs in every phone. Returns HOST:PORT, or the socket's path if it is the only address.

        Raises:
            OSError: an address cannot be used.
        """
        listening_sockets = _open_listening_sockets(self._listen, self._socket_path)
        if self._listen is None:
            self.address = str(self._socket_path)
        else:
            host, port = listening_sockets[0].getsockname()[:2]
            self.address = f"{host}:{port}"
        self._running = True
        for phone in self.phones:
            self.attach(phone)
        self._acceptor = ConnectionAcceptor(listening_sockets, self._start_thread)
        return self.address

    def stop(self) -> None:
        """Cuts every connection and waits for every thread. Phones keep their state. Does nothing if not started."""
        with self._lock:
            if not self._running:
                return
            self._running = False
            streams = list(self._streams)
        for phone in self.phones:
            self.detach(phone)
        for stream in streams:
            stream.cut()
        if self._acceptor is not None:
            self._acceptor.stop()
        for phone in self.phones:
            phone.shut_down()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()
        if self._socket_path is not None:
            self._socket_path.unlink(missing_ok=True)

    def attach(self, phone: SimulatedPhone) -> None:
        """Plugs in a phone under a new DeviceID. Does nothing if it is plugged in already or in recovery mode."""
        with self._lock:
            if not self._running or phone.in_recovery or phone.udid in self._plugged_in:
                return
            if phone not in self.phones:
                self.phones.append(phone)
            if phone.cable is not self:
                self.pair_records.on_first_attach(phone)
            phone.on_attached(self)
            devices = [self._new_device(phone, kind) for kind in CONNECTION_TYPES[: 2 if phone.on_wifi else 1]]
            self._plugged_in[phone.udid] = _PluggedIn(phone, devices)
            for device in devices:
                self._broadcast(usbmux.Attached(device))

    def detach(self, phone: SimulatedPhone) -> bool:
        """Unplugs a phone and cuts its connections. Returns whether it was plugged in."""
        with self._lock:
            plugged_in = self._plugged_in.pop(phone.udid, None)
            if plugged_in is None:
                return False
            for device in plugged_in.devices:
                self._broadcast(usbmux.Detached(device.device_id))
            streams = list(plugged_in.streams)
        phone.on_detached()
        for stream in streams:
            stream.cut()
        return True

    def is_attached(self, phone: SimulatedPhone) -> bool:
        with self._lock:
            return phone.udid in self._plugged_in

    def _new_device(self, phone: SimulatedPhone, connection_type: str) -> usbmux.Device:
        device = usbmux.Device(self._next_device_id, phone.udid, connection_type)
        self._next_device_id += 1
        return device

    def _devices(self) -> list[usbmux.Device]:
        return [device for plugged_in in self._plugged_in.values() for device in plugged_in.devices]

    def _broadcast(self, event: usbmux.Event) -> None:
        """Sends an event to every listening client. The caller holds the lock. A closed client's own thread ends it."""
        for listener in self._listeners:
            with contextlib.suppress(OSError):
                listener.stream.sendall(listener.mux.send_event(event))

    # --- threads

    def _start_thread(self, connection: socket.socket) -> None:
        if connection.family != getattr(socket, "AF_UNIX", None):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream = SocketStream(connection)
        with self._lock:
            if not self._running:
                connection.close()
                return
            self._streams.add(stream)
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(target=self._serve, args=(stream,), name="simulator client", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self, stream: SocketStream) -> None:
        """Serves one connection until it ends. Suppresses errors of the client and the cable, not our own bugs."""
        try:
            with contextlib.closing(stream), contextlib.suppress(OSError, PeerBroke):
                self._converse(stream)
        finally:
            with self._lock:
                self._streams.discard(stream)

    # --- requests

    def _converse(self, stream: SocketStream) -> None:
        mux = UsbmuxServer()
        listener: _Listener | None = None
        inbox = Inbox[usbmux.Request](stream, mux)
        try:
            while (request := inbox.receive()) is not None:
                if isinstance(request, usbmux.Connect):
                    if self._connect(stream, mux, request):
                        return
                elif isinstance(request, usbmux.Listen):
                    listener = self._listen_to(stream, mux, request)
                else:
                    over = mux.state is State.LISTENING or isinstance(request, usbmux.OtherVersion)
                    with self._lock:  # so that no event is sent inside the answer
                        stream.sendall(mux.send(self._answer(request)))
                    if over:
                        return
        finally:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

    def _answer(self, request: usbmux.Request) -> usbmux.Answer:
        match request:
            case usbmux.ReadBUID():
                return usbmux.Buid(self.pair_records.computer.buid)
            case usbmux.ListDevices():
                return usbmux.DeviceList(self._devices())
            case usbmux.ListListeners():
                return usbmux.ListenerList([listener.program for listener in self._listeners])
            case usbmux.ReadPairRecord(udid):
                record = self.pair_records.read(udid, self._phone(udid)) if udid else None
                return usbmux.PairRecord(record) if record is not None else Result(ResultCode.BADDEV)
            case usbmux.SavePairRecord():
                return self._save_pair_record(request)
            case usbmux.DeletePairRecord(udid):
                return Result(ResultCode.OK if self.pair_records.delete(udid) else ResultCode.BADDEV)
            case _:
                return Result(ResultCode.BADCOMMAND)

    def _save_pair_record(self, request: usbmux.SavePairRecord) -> usbmux.Answer:
        if not request.udid or not request.record:
            return Result(ResultCode.EINVAL)
        self.pair_records.save(request.udid, request.record)
        if any(device.device_id == request.device_id for device in self._devices()):
            self._broadcast(usbmux.Paired(request.device_id or 0))
        return Result(ResultCode.OK)

    def _phone(self, udid: str) -> SimulatedPhone | None:
        return next((phone for phone in self.phones if same_udid(phone.udid, udid)), None)

    def _listen_to(self, stream: SocketStream, mux: UsbmuxServer, request: usbmux.Listen) -> _Listener:
        listener = _Listener(stream, mux, request.program)
        with self._lock:
            stream.sendall(mux.send(Result(ResultCode.OK)))
            for device in self._devices():
                stream.sendall(mux.send_event(usbmux.Attached(device)))
            self._listeners.append(listener)
        return listener

    def _connect(self, stream: SocketStream, mux: UsbmuxServer, request: usbmux.Connect) -> bool:
        """Serves a Connect. Returns whether it was granted; then the connection has ended."""
        with self._lock:
            plugged_in = next(
                (p for p in self._plugged_in.values() if any(d.device_id == request.device_id for d in p.devices)), None
            )
            if plugged_in is not None:
                plugged_in.streams.add(stream)
        devices = plugged_in.devices if plugged_in is not None else []
        if plugged_in is None:
            stream.sendall(mux.send(Result(ResultCode.BADDEV)))
            return False
        try:
            port = plugged_in.ports.at(request.port)
            if port is None and request.port != lockdown.PORT:
                stream.sendall(mux.send(Result(ResultCode.CONNREFUSED)))
                return False
            stream.sendall(mux.send(Result(ResultCode.OK)))
            if port is None:
                over_wifi = any(d.device_id == request.device_id and d.connection_type == "Network" for d in devices)
                lockdownd.serve(stream, plugged_in.phone, plugged_in.ports, over_wifi=over_wifi)
            else:
                _serve_port(stream, plugged_in.phone, port)
            return True
        finally:
            with self._lock:
                plugged_in.streams.discard(stream)


def _serve_port(stream: SocketStream, phone: SimulatedPhone, port: OpenPort) -> None:
    if port.tls is not None:
        stream.start_tls(port.tls)
    port.service.serve(stream, phone)


def _open_listening_sockets(listen: tuple[str, int] | None, socket_path: Path | None) -> list[socket.socket]:
    """Opens the requested address, also loopback if that is a different one, and the Unix socket."""
    listening_sockets: list[socket.socket] = []
    try:
        if listen is not None:
            listening_sockets.append(open_tcp(*listen))
            host, port = listening_sockets[0].getsockname()[:2]
            if host not in (LOOPBACK, "0.0.0.0", "::1", "::"):  # noqa: S104  (compared, not bound)
                listening_sockets.append(open_tcp(LOOPBACK, port))
        if socket_path is not None:
            listening_sockets.append(open_unix(socket_path))
    except OSError:
        for listening_socket in listening_sockets:
            listening_socket.close()
        raise
    return listening_sockets
