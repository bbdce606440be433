"""Runs operations of Microsoft's clients, reads all that they return, and tells it line by line."""

import datetime
import json
import urllib.parse
from collections.abc import Mapping
from decimal import Decimal

from azure.core.exceptions import AzureError
from azure.core.paging import ItemPaged
from azure.core.polling import LROPoller

# Seconds that an operation may run; the sandbox's are done after a few polls.
PATIENCE = 10


class Runs:
    """Operations that were run, and what became of each."""

    def __init__(self):
        self.operations = set()

    def __call__(self, world, method, *arguments, case="", items=None, totals=None, **options):
        """Runs `method`, a bound method of a client, follows its pages or waits for its result,
        reads every field of that, and prints one line. Gives what was read: a list of items for a
        list, else the result.

        `items` picks the items of a result that holds several; `totals` gives each sum a name, and
        says which field of the items, by its dotted name, is added up for it.
        """
        operation = operation_of(method)
        self.operations.add(operation)
        line = {"world": world.name, "operation": operation, "case": case}
        result = None
        try:
            result = method(*arguments, **options)
            if isinstance(result, LROPoller):
                poller, result = result, result.result(timeout=PATIENCE)
                if not poller.done():
                    raise TimeoutError(f"not done after {PATIENCE} seconds: {poller.status()}")
            if isinstance(result, ItemPaged):
                result = found = list(result)
            elif items:
                found = all_items(method, arguments, options, result, items)
            else:
                found = [] if result is None else [result]
            for each in found:
                read(each)
            line["items"] = len(found)
            line["totals"] = {
                name: str(sum((number(each, path) for each in found), Decimal(0)))
                for name, path in (totals or {}).items()
            }
        except AzureError as error:
            line["error"] = f"{type(error).__name__}: {error}"
        except Exception as error:  # What the client's own code makes of an answer.
            line["error"] = f"{type(error).__name__} while reading: {error}"
        print(json.dumps(line), flush=True)
        return result


def operation_of(method):
    """`consumption.BudgetsOperations.list` of a client's method, bound or not."""
    package = method.__module__.split(".")[2]
    return f"{package}.{method.__qualname__}"


def all_items(method, arguments, options, result, items):
    """The items of a result whose link stands inside of it: these the clients do not follow."""
    found, seen = [], set()
    while result is not None:
        found += items(result)
        link = getattr(getattr(result, "properties", result), "next_link", None)
        if not link:
            break
        if link in seen:
            raise ValueError(f"page {len(seen) + 1} links to one that was there already")
        seen.add(link)
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(link).query)
        (token,) = query["$skiptoken"]
        result = method(*arguments, **options, params={"$skiptoken": token})
    return found


def read(value):
    """Reads every field: the clients make sense of a field only when it is read."""
    if isinstance(value, Mapping):
        fields = getattr(value, "_attr_to_rest_field", None)
        if fields is not None:
            for name in fields:
                read(getattr(value, name))
            return
        for each in value.values():
            read(each)
    elif isinstance(value, list):
        for each in value:
            read(each)
    elif hasattr(value, "_attribute_map"):
        for name in value._attribute_map:
            read(getattr(value, name))
    elif not isinstance(value, (str, int, float, Decimal, type(None), datetime.date, datetime.timedelta)):
        raise TypeError(f"a value of {type(value).__name__}: {value!r}")


def number(item, path):
    """A number in an item, as it was written; nothing counts as 0."""
    for name in path.split("."):
        item = item.get(name) if type(item) is dict else getattr(item, name)
        if item is None:
            return Decimal(0)
    return Decimal(str(item))
