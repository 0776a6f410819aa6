"""The op table is complete: nothing is declared or public without a row."""
import operator

import pytest

from workbench import ops
from workbench.core.custom import OWN
from workbench.core.op import REGISTRY
from workbench.testing import optable


def test_every_declared_op_has_a_row():
    assert sorted(set(REGISTRY) - OWN - optable.covered()) == []


def test_every_public_function_has_a_row():
    assert sorted(optable.public() - optable.covered()) == []


def test_every_row_names_something_that_exists():
    known = {*REGISTRY, *optable.public()}
    assert sorted(optable.covered() - known) == []


def test_no_name_stands_twice():
    assert len(optable.BY_NAME) == len(optable.ROWS)


@pytest.mark.parametrize(("alias", "name"), optable.ALIASES.items())
def test_aliases_are_the_same_function(alias, name):
    assert operator.attrgetter(alias)(ops) is operator.attrgetter(name)(ops)


@pytest.mark.parametrize("row", [row for row in optable.ROWS if row.elsewhere], ids=str)
def test_rows_without_counterpart_say_which_file_checks_them(row, request):
    file = request.config.rootpath / row.elsewhere
    assert row.name in file.read_text()


def test_the_page_of_ops_is_up_to_date(request):
    from workbench.testing import report

    written = (request.config.rootpath / "docs/ops.md").read_text()
    assert written == report.page(), "run `python -m workbench.testing.report > docs/ops.md`"
