"""The limit on threads of BLAS."""

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from skbp._threads import ONE_THREAD, WORTH_THREADS, blas_threads_for


def threads():
    return {
        library["num_threads"]
        for library in threadpool_info()
        if library["user_api"] == "blas"
    }


@pytest.fixture(autouse=True)
def full():
    """The threads that BLAS has without our limit: two, where it has any to give."""
    with threadpool_limits(2, user_api="blas"):
        full = threads()
        yield full
        assert threads() == full, "the limit outlived its users"


def test_small_products_take_one_thread():
    with blas_threads_for(WORTH_THREADS - 1):
        assert threads() == {1}


def test_large_products_take_all(full):
    with blas_threads_for(WORTH_THREADS):
        assert threads() == full


def test_an_error_takes_the_limit_back():
    with pytest.raises(ZeroDivisionError), blas_threads_for(ONE_THREAD + 1):
        raise ZeroDivisionError


def test_users_may_leave_in_any_order(full):
    first, second = blas_threads_for(ONE_THREAD + 1), blas_threads_for(ONE_THREAD + 1)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert threads() == {1}
    second.__exit__(None, None, None)
    assert threads() == full


def test_products_that_take_one_thread_anyway_need_no_limit(full):
    with blas_threads_for(ONE_THREAD):
        assert threads() == full
