/*
 * The gate's word, at the grain of its atomic operations and its futex. snapshots.pml takes the gate
 * as an idea (closed, who is inside, who put a fault aside); this model shows that one 32-bit word with a
 * futex keeps what the idea promises:
 *
 *   - nobody is inside while the closer holds the gate closed;
 *   - nobody sleeps for ever: not the closer, not a thread that waits for the gate;
 *   - whoever put a fault aside on a closed gate is reported by the opening that follows.
 */

#define ROUNDS 2

/* The word: one atomic, so a transition reads and writes all of it. */
bool closed;
bool parked;
byte count;

/* The futex. A sleeper leaves the bed when woken. */
bool bed[4];

#define SAME(c, p, n) (closed == (c) && parked == (p) && count == (n))

/* FUTEX_WAIT: sleeps only if the word is still what the caller saw, in one step. */
inline futexWait(me, c, p, n) {
  if
  :: atomic { SAME(c, p, n) -> bed[me] = true };
     !bed[me]
  :: atomic { !SAME(c, p, n) }
  fi
}

inline wakeAll() { d_step { bed[0] = false; bed[1] = false; bed[2] = false; bed[3] = false } }

/* Ghosts. */
bool exclusive;      /* the closer has closed the gate and not begun to open it */
byte faultsAside;    /* faults put aside and not reported yet */
byte finished;

inline leave() {
  d_step { assert(!exclusive); count--; last = (closed && count == 0) };
  if
  :: atomic { last -> last = false };
#ifdef MUTANT_LAST_DOES_NOT_WAKE
     skip
#else
     wakeAll()
#endif
  :: atomic { !last }
  fi
}

/* A thread that resolves for itself: enters, or notes that it waits and sleeps until the gate opens. */
proctype Waiter(byte me) {
  bool last;
  byte n;
  do
  :: atomic { !closed -> count++; break }
  :: closed ->
     if
     :: atomic { closed -> parked = true };
        /* The count is loaded once more; the wait is for the word as closed and marked. */
        n = count;
        futexWait(me, true, true, n);
        n = 0
     :: atomic { !closed }
     fi
  od;
  leave();
  finished++
}

/* The handler thread: enters, or notes that and drops the message. */
proctype Handler() {
  bool last;
  do
  :: atomic { !closed -> count++ }; leave(); break
  :: closed ->
     if
     :: atomic { closed -> parked = true; faultsAside++ }; break
     :: atomic { !closed }     /* opened meanwhile: resolve it after all */
     fi
  od;
  finished++
}

proctype Closer() {
  bool p;
  byte n, round;
  do
  :: atomic { round < ROUNDS -> round++ };
     atomic { closed = true; n = count; p = parked };
     do
     :: n > 0 ->
        futexWait(3, true, p, n);
        atomic { n = count; p = parked }
     :: atomic { n == 0 -> break }
     od;
     atomic { assert(count == 0); exclusive = true };
     atomic { assert(count == 0); exclusive = false };
#ifdef MUTANT_OPENED_IN_TWO_STEPS
     p = parked;
     atomic { closed = false; parked = false; count = 0 };
#else
     atomic { p = parked; closed = false; parked = false };
#endif
     if
     :: atomic { p -> faultsAside = 0; p = false };
        wakeAll()
     :: atomic { !p }
     fi
  :: atomic { round == ROUNDS -> break }
  od;
  finished++
}

init {
  atomic { run Waiter(0); run Waiter(1); run Handler(); run Closer() };
  atomic { finished == 4; assert(!closed && !parked && count == 0 && faultsAside == 0) }
}
