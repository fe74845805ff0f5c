"""Clients of a shop that is open while its schema changes: they count their errors and their longest wait."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread

import psycopg

SHOP = """
    CREATE TABLE customers (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text NOT NULL);
    CREATE TABLE orders (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer_id bigint, state text DEFAULT 'new',
        code varchar(20), amount integer, note text);
    CREATE INDEX orders_state_idx ON orders (state);
    INSERT INTO customers (email) SELECT 'c' || g || '@example.org' FROM generate_series(1, 500) g;
    INSERT INTO orders (customer_id, state, code, amount)
    SELECT g % 500 + 1, (ARRAY['new', 'paid', 'sent'])[g % 3 + 1], 'k' || g, g % 100 FROM generate_series(1, 60000) g"""


@dataclass
class Tally:
    """What the clients met: how many operations, which errors, the longest one in seconds."""

    operations: int = 0
    errors: list[str] = field(default_factory=list)
    longest: float = 0.0

    def add(self, seconds: float, error: str | None) -> None:
        """One operation."""
        self.operations += 1
        self.longest = max(self.longest, seconds)
        if error:
            self.errors.append(error)


Work = Callable[[psycopg.Connection[object], random.Random], None]


def read(connection: psycopg.Connection[object], dice: random.Random) -> None:
    """A customer's orders."""
    connection.execute(
        "SELECT o.id, o.state, o.amount, c.email FROM orders o JOIN customers c ON c.id = o.customer_id"
        " WHERE o.customer_id = %s AND o.state = 'new' LIMIT 20",
        (dice.randint(1, 500),),
    ).fetchall()


def order(connection: psycopg.Connection[object], dice: random.Random) -> None:
    """A new order."""
    code = f"n{dice.getrandbits(60)}"
    connection.execute(
        "INSERT INTO orders (customer_id, code, amount) VALUES (%s, %s, %s)", (dice.randint(1, 500), code, 5)
    )


def pay(connection: psycopg.Connection[object], dice: random.Random) -> None:
    """A transaction of two statements that holds its locks for a while."""
    with connection.transaction():
        connection.execute("UPDATE orders SET state = 'paid' WHERE id = %s", (dice.randint(1, 60000),))
        time.sleep(dice.random() * 0.1)
        connection.execute("SELECT count(*) FROM customers WHERE id = %s", (dice.randint(1, 500),))


def cancel(connection: psycopg.Connection[object], dice: random.Random) -> None:
    """An order less."""
    connection.execute("DELETE FROM orders WHERE id = %s", (dice.randint(1, 60000),))


@contextmanager
def open_shop(uri: str) -> Iterator[Tally]:
    """Two readers and three writers at work until the block ends; the tally is complete after it."""
    tally, closed = Tally(), Event()

    def client(work: Work, seed: int) -> None:
        dice = random.Random(seed)
        with psycopg.connect(uri, autocommit=True) as connection:
            while not closed.is_set():
                start, error = time.monotonic(), None
                try:
                    work(connection, dice)
                except psycopg.Error as failure:
                    error = f"{work.__name__}: {failure}"
                tally.add(time.monotonic() - start, error)
                time.sleep(0.01)

    threads = [Thread(target=client, args=(w, n)) for n, w in enumerate((read, read, order, pay, cancel))]
    for thread in threads:
        thread.start()
    try:
        yield tally
    finally:
        closed.set()
        for thread in threads:
            thread.join()
