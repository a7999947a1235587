"""The limit on threads of BLAS, which forks and interrupts take back, too."""

import multiprocessing
import os
import signal
import threading
import time

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from skbp import BPClassifier
from skbp._threads import ONE_THREAD, WORTH_THREADS, with_blas_threads_for

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")


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
    assert with_blas_threads_for(WORTH_THREADS - 1, threads) == {1}


def test_large_products_take_all(full):
    assert with_blas_threads_for(WORTH_THREADS, threads) == full


def test_products_that_take_one_thread_anyway_need_no_limit(full):
    assert with_blas_threads_for(ONE_THREAD, threads) == full


def test_an_error_takes_the_limit_back():
    with pytest.raises(ZeroDivisionError):
        with_blas_threads_for(ONE_THREAD + 1, lambda: 1 / 0)


def test_users_may_leave_in_any_order(full):
    entered, leave = threading.Event(), threading.Event()

    def first():
        entered.set()
        leave.wait()

    thread = threading.Thread(
        target=with_blas_threads_for, args=(ONE_THREAD + 1, first)
    )
    thread.start()
    entered.wait()

    def second():
        leave.set()
        thread.join()
        return threads()

    assert with_blas_threads_for(ONE_THREAD + 1, second) == {1}
    assert threads() == full


@pytest.fixture(name="model")
def fitted():
    X = np.random.RandomState(0).standard_normal((400, 30))
    return BPClassifier((100,), tol=10.0, random_state=0).fit(X, X[:, 0] > 0), X


@forks
def test_a_child_forked_while_threads_predict_can_predict(model):
    # The child used to wait for a lock that a thread of its parent held at the fork.
    model, X = model
    end = threading.Event()

    def work():
        while not end.is_set():
            model.predict(X)

    workers = [threading.Thread(target=work) for _ in range(3)]
    for one in workers:
        one.start()
    try:
        for _ in range(25):
            assert in_child(lambda: len(model.predict(X))) == len(X) % 256
    finally:
        end.set()
        for one in workers:
            one.join()


@forks
def test_a_child_forked_within_the_limit_has_all_threads(full):
    def fork():
        return in_child(lambda: 0 if threads() == full else 1)

    assert with_blas_threads_for(ONE_THREAD + 1, fork) == 0


def in_child(work):
    """Return what ``work`` returns in a forked child; fail if it does not return."""
    pid = os.fork()
    if pid == 0:
        code = 255
        try:
            code = work() % 256
        finally:
            os._exit(code)
    for _ in range(600):
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    pytest.fail("The child did not end within 30 seconds.")


@pytest.mark.skipif(
    not hasattr(signal, "setitimer"), reason="no timers on this platform"
)
def test_an_interrupt_at_any_time_leaves_no_limit(full):
    def interrupt(*args):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    interrupted = 0
    try:
        for microseconds in range(1, 400, 2):
            try:
                signal.setitimer(signal.ITIMER_REAL, microseconds * 1e-6)
                for _ in range(20):
                    with_blas_threads_for(ONE_THREAD + 1, lambda: None)
                signal.setitimer(signal.ITIMER_REAL, 0.0)
            except KeyboardInterrupt:
                interrupted += 1
            assert threads() == full
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
    assert interrupted > 20


def test_the_limit_is_no_obstacle_to_processes_that_start_anew():
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        assert pool.apply(with_blas_threads_for, (ONE_THREAD + 1, os.getpid)) > 0
