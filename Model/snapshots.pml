/*
 * The protocol of in-process copy-on-write snapshots, for spin.
 *
 * One source, several scenarios: each says which actors run and how much they do, so that every one
 * can be explored to its last state. `check` runs them all; README.md says what is left out.
 *
 *   -DSCENARIO_CUT_HANDLER   writers, handler thread, two snapshots, reader by copy
 *   -DSCENARIO_CUT_INLINE    the same, with faults resolved in the writers themselves
 *   -DSCENARIO_PREPARE       handler thread and prepareToWrite resolve the same page in parallel
 *   -DSCENARIO_RELEASE       three snapshots share versions, releases in any order, slots reused
 *   -DSCENARIO_VIEW          views of two snapshots, readers by view and by copy
 *   -DSCENARIO_RESTORE       handler thread and a roll-back to the older of two snapshots
 *   -DSCENARIO_RESTORE_READ  the same with faults resolved in the writers, and a reader by copy
 *   -DSCENARIO_DEPARTURE     two threads release at once, step by step, while snapshots are taken
 *   -DSCENARIO_VIEW_CLOSE    views are closed, and snapshots released, while others need a page
 *   -DSCENARIO_ALL           views, releases, a restore, a reader, an inline writer: all at once
 *   -DSCENARIO_FULL          too few slots: writers block until a release
 *
 * -DONLY=CUT|ISOLATION|COPIES|SLOTS_IN_USE|REST leaves one kind of assertion: a mutant has to be
 * caught by the property that it is about. -DMUTANT_... puts one mistake in.
 *
 * Granularity: one transition is one access to shared memory, or one step of the kernel. Accesses
 * are put together (atomic, d_step) only where nobody else can tell the difference. A guard on
 * which an actor blocks stands for a spin or a futex wait of the code.
 */

/* ---------------------------------------------------------------- scenarios */

#if defined(SCENARIO_CUT_HANDLER)
#define PAGES 2
#define WRITERS 2
#define EPOCHS 2
#define SLOTS 4
#define HANDLER
#define READER
#define CAUSAL

#elif defined(SCENARIO_CUT_INLINE)
#define PAGES 2
#define WRITERS 2
#define EPOCHS 2
#define SLOTS 4
#define INLINE
#define READER
#define CAUSAL

#elif defined(SCENARIO_PREPARE)
#define PAGES 1
#define WRITERS 2
#define EPOCHS 2
#define SLOTS 2
#define HANDLER
#define PREPARER

#elif defined(SCENARIO_RELEASE)
#define PAGES 1
#define WRITERS 1
#define EPOCHS 3
#define SLOTS 3
#define INLINE
#define RELEASES
#define READER

#elif defined(SCENARIO_DEPARTURE)
#define PAGES 1
#define WRITERS 1
#define EPOCHS 3
#define SLOTS 3
#define INLINE
#define RELEASES
#define RELEASER

#elif defined(SCENARIO_VIEW)
#define PAGES 1
#define WRITERS 2
#define EPOCHS 2
#define SLOTS 2
#define VIEWS 2
#define INLINE
#define READER

#elif defined(SCENARIO_RESTORE)
#define PAGES 1
#define WRITERS 2
#define EPOCHS 2
#define SLOTS 2
#define HANDLER
#define RESTORER

#elif defined(SCENARIO_RESTORE_READ)
#define PAGES 1
#define WRITERS 2
#define EPOCHS 2
#define SLOTS 2
#define INLINE
#define RESTORER
#define READER

#elif defined(SCENARIO_VIEW_CLOSE)
#define PAGES 1
#define WRITERS 1
#define EPOCHS 2
#define SLOTS 2
#define VIEWS 2
#define INLINE
#define RELEASES
#define READER

#elif defined(SCENARIO_ALL)
#define PAGES 1
#define WRITERS 1
#define EPOCHS 2
#define SLOTS 2
#define VIEWS 2
#define INLINE
#define RELEASES
#define RESTORER
#define READER

#elif defined(SCENARIO_FULL)
#define PAGES 1
#define WRITERS 1
#define EPOCHS 2
#define SLOTS 1
#define HANDLER
#define PREPARER
#define RELEASES

#else
#error "Define one SCENARIO_..."
#endif

#ifndef VIEWS
#define VIEWS 0
#endif

#ifdef WITHOUT_READER       /* searches for livelocks are dear, and readers wait for nobody */
#undef READER
#endif

/* A kernel whose re-check before sleeping is exact. Linux's is not (see wait), but what the
 * protocol must do for it, it must do for an exact one as well. */
#ifdef IDEAL_KERNEL
#define MAY_SLEEP(page) wp[page]
#else
#define MAY_SLEEP(page) true
#endif

/* ------------------------------------------------------------------- kernel */

byte live[PAGES];   /* what the pages hold; a store is one step */
bool wp[PAGES];     /* userfaultfd write-protects the page */

/* The wait queue of userfaultfd: which page (+ 1) a thread waits for, and whether its message is
 * still to be read. Waking a thread takes an unread message away. */
byte waits[WRITERS];
bool unread[WRITERS];

/* UFFDIO_WAKE for one page; the same happens at the end of every un-protect. */
inline wake(page) {
  d_step {
    i = 0;
    do
    :: i < WRITERS ->
       if
       :: waits[i] == page + 1 -> waits[i] = 0; unread[i] = false
       :: else
       fi;
       i++
    :: else -> break
    od;
    i = 0
  }
}

/* UFFDIO_WAKE for the whole region. */
inline wakeRegion() {
  d_step {
    i = 0;
    do
    :: i < WRITERS -> waits[i] = 0; unread[i] = false; i++
    :: else -> break
    od;
    i = 0
  }
}

/* A faulting thread queues itself, and only then looks again whether it has to wait, so that it
 * does not miss the wake of an un-protect in between. That does not make up for a message that is
 * dropped after that un-protect:
 *
 *   - What it looks at is whether the page-table entry is *writable* (userfaultfd_must_wait:
 *     `!pte_write`), not whether userfaultfd protects it, and an entry that was just un-protected,
 *     or is not there yet, need not be writable. So a thread may fall asleep on a page that nobody
 *     protects, after the only wake that the un-protect issues.
 *   - With an exact look, the next snapshot may protect the page again just before it.
 *
 * This is why every message must be answered by a wake that follows its reading. */
inline wait(me, page) {
  d_step { waits[me] = page + 1; unread[me] = true };
  if
  :: d_step { !wp[page] -> waits[me] = 0; unread[me] = false }
  :: MAY_SLEEP(page)
  fi;
  waits[me] == 0
}

/* ------------------------------------------------------------------- region */

#define FREE 0
#define RESOLVING 1
#define LOCKED 2

/* The page's word: claim, newest version, preserved epoch. One 64-bit atomic in the code, so a
 * transition may read all three and write all three. */
byte claim[PAGES];
byte newest[PAGES];
byte preserved[PAGES];

byte epoch;
byte newestLive;            /* epoch of the newest snapshot that lives, 0 for none */
bool isLive[EPOCHS + 1];

/* The gate: one 32-bit word in the code. */
bool closed;
bool parked;
byte inside;

bool control;               /* the control lock */

/* Versions are numbered from 1; 0 ends a chain. The slot of version v is slot v. */
#define POISON 99
bool used[SLOTS + 1];
byte content[SLOTS + 1];
byte lower[SLOTS + 1];
byte upper[SLOTS + 1];
byte older[SLOTS + 1];
byte pageOf[SLOTS + 1];
byte owner[SLOTS + 1];      /* the snapshot that frees it, LEAVING if that is on its way out */
#define LEAVING (EPOCHS + 1)

byte unlinkSequence;        /* odd while a release unlinks */

#ifdef RELEASES
/* A release goes step by step, and the control lock is given back in between. At most one snapshot is
 * going; whoever wants another to go takes the steps that are left. */
bool listed[EPOCHS + 1];    /* among the region's snapshots: released ones, too, until they begin to go */
byte departing;             /* the snapshot that is going, 0 for none */
byte departOlder;           /* the next older one in the list, 0 for none */
byte departEnd;             /* versions from its epoch to before this one are the departing snapshot's */
byte cursor;                /* the version to look at next */
bool followsOlder;          /* through the older snapshot's versions, not the departing one's */
#endif

#ifdef SCENARIO_FULL
bool starved;
byte releases;              /* how many have ended: what an application thread waits on for slots */
/* The pool serves other regions too: one of them may keep the only slot for ever. */
bool slotIsElsewhere;
#endif

#if VIEWS
byte keeper[SLOTS + 1];     /* the view whose page holds the content, 0: the slot does */
/* View k is a view of snapshot k; page p of it is at AT(k, p). */
#define AT(k, p) ((k) * PAGES + (p))
bool viewOpen[VIEWS + 1];
bool viewReady[VIEWS + 1];
bool viewMapped[VIEWS + 1];
bool viewOwn[(VIEWS + 1) * PAGES];    /* the kernel has made a private copy */
byte viewPage[(VIEWS + 1) * PAGES];
/* What a load from a view gives: its private copy, or the page of the file. */
#define VIEWLOAD(k, p) (viewOwn[AT(k, p)] -> viewPage[AT(k, p)] : live[p])
#endif

/* ------------------------------------------------------------------- ghosts */

/* What page p of snapshot s must read as, for ever: what it held when the epoch was raised. */
byte expected[(EPOCHS + 1) * PAGES];
#define EXPECTED(s, p) expected[(s) * PAGES + (p)]

byte copiedIn[PAGES];       /* the epoch in which the page was last preserved */
#if VIEWS
bool viewHeld[VIEWS + 1];   /* somebody reads the view */
#endif
byte held[EPOCHS + 1];      /* how many work with the snapshot: its owner does not release it */
byte finished;

/* ---------------------------------------------------------------- properties */

#define ALL 0
#define CUT 1            /* a snapshot that holds a store holds every store before it */
#define ISOLATION 2      /* a page of a snapshot reads the same for ever */
#define COPIES 3         /* a page is copied once per epoch at most */
#define SLOTS_IN_USE 4   /* no slot is read after it was freed, no view after it was unmapped */
#define REST 5           /* in the end nothing is held, lost or wrongly protected */
#ifndef ONLY
#define ONLY ALL
#endif

#if ONLY == ALL || ONLY == CUT
#define CHECK_CUT(c) assert(c)
#else
#define CHECK_CUT(c) skip
#endif
#if ONLY == ALL || ONLY == ISOLATION
#define CHECK_ISOLATION(c) assert(c)
#else
#define CHECK_ISOLATION(c) skip
#endif
#if ONLY == ALL || ONLY == COPIES
#define CHECK_COPIES(c) assert(c)
#else
#define CHECK_COPIES(c) skip
#endif
#if ONLY == ALL || ONLY == SLOTS_IN_USE
#define CHECK_SLOTS(c) assert(c)
#else
#define CHECK_SLOTS(c) skip
#endif
#if ONLY == ALL || ONLY == REST
#define CHECK_REST(c) assert(c)
#else
#define CHECK_REST(c) skip
#endif

/* No lost wake-up and no deadlock need no assertion: whoever is left waiting in the end is an
 * invalid end state. No livelock: no fair cycle (a search of its own). */

/* --------------------------------------------------------------------- gate */

#ifdef MUTANT_GATE_REMOVED
#define GATE_IS_OPEN (true)
#else
#define GATE_IS_OPEN (!closed)
#endif

inline closeGate() {
  closed = true;
#ifndef MUTANT_GATE_REMOVED
  inside == 0
#endif
}

inline openGate() {
  /* One exchange: who puts a fault aside does so on a closed gate and is seen here, or finds it open. */
  d_step { closed = false; again = parked; parked = false };
  if
  :: atomic { again -> again = false };
#ifdef MUTANT_PARKED_FORGOTTEN
     skip
#else
     wakeRegion()
#endif
  :: atomic { !again }
  fi
}

/* ---------------------------------------------------------------- resolving */

#if VIEWS
/* Touches the page in every open view that still shows the live one: *p = *p, and the kernel makes
 * the private copy. The newest of them then keeps the version. */
inline touchViews(page) {
  k = 1;
  do
  :: k <= VIEWS ->
     d_step {
       if
#ifdef MUTANT_VIEW_TOUCHED_LATE
       :: viewOpen[k] && !viewOwn[AT(k, page)] ->
#else
       :: viewOpen[k] && k > preserved[page] ->
          CHECK_COPIES(!viewOwn[AT(k, page)]);
          where = k;
#endif
          viewOwn[AT(k, page)] = true;
          viewPage[AT(k, page)] = live[page]
       :: else
       fi;
       k++
     }
  :: else -> break
  od;
  k = 0
}
#endif

/* The version and the page's new epoch, in one store of the word; the claim stays. */
inline publish(page) {
  d_step {
    if
    :: v > 0 ->
       lower[v] = preserved[page];
       upper[v] = now;
       older[v] = newest[page];
       owner[v] = newestNow;
       newest[page] = v
    :: else
    fi;
    preserved[page] = now
  }
}

/* UFFDIO_WRITEPROTECT: first the page-table entry, then the wait queue. */
inline unprotect(page) {
#ifndef MUTANT_UNPROTECT_FORGOTTEN
  wp[page] = false;
#endif
  wake(page)
}

/* With the claim held: keep the page's content for who needs it, then let writers in. `now` and
 * `newestNow` were loaded inside the gate. Gives v == SLOTS + 1, and has done nothing, if there is
 * no free slot. */
inline preserve(page) {
  if
  :: newestNow > preserved[page] ->
#if VIEWS
#ifndef MUTANT_VIEW_TOUCHED_LATE
     touchViews(page);
#endif
#endif
     /* Take a slot and copy: one step, because nobody else knows the slot, and the page cannot
      * change before it is un-protected. */
     d_step {
       v = 1;
       do
       :: v <= SLOTS && used[v] -> v++
       :: else -> break
       od;
       if
       :: v <= SLOTS ->
          CHECK_COPIES(copiedIn[page] < now);
          copiedIn[page] = now;
          used[v] = true;
          pageOf[v] = page;
#if VIEWS
          /* A view's page is the version: no second copy. */
          keeper[v] = where;
          content[v] = (where > 0 -> POISON : live[page]);
          where = 0
#else
          content[v] = live[page]
#endif
       :: else
       fi
     }
  :: newestNow <= preserved[page]          /* no snapshot that lives needs it */
  fi;
  if
  :: v > SLOTS
  :: v <= SLOTS ->
#ifdef MUTANT_UNPROTECT_BEFORE_PUBLISH
     unprotect(page);
     publish(page)
#else
     publish(page);
     unprotect(page)
#endif
#ifdef MUTANT_VIEW_TOUCHED_LATE
     ;
     touchViews(page)
#endif
  fi
}

#ifdef MUTANT_DROPPED_WHILE_RESOLVING
/* The claim is looked at first: a message is dropped though the claim's holder may have issued its
 * last wake. */
#define IS_STALE(p) (claim[p] == FREE && preserved[p] >= epoch)
#define IS_TAKEN(p) (claim[p] == RESOLVING)
#else
/* The epoch is looked at first. Not yet published: the holder's wake is still to come, and will
 * find the thread of this message asleep. Published: its wake may be over, so answer. */
#define IS_STALE(p) (preserved[p] >= epoch)
#define IS_TAKEN(p) (claim[p] == RESOLVING && preserved[p] < epoch)
#endif

/* One message, or one attempt of a thread that resolves for itself. The handler thread never waits
 * for the gate (mayWait false): it notes that and drops the message, and whoever opens the gate
 * wakes the region. */
inline resolve(page, mayWait) {
  if
  :: atomic { GATE_IS_OPEN -> inside++ };
     if
     :: IS_STALE(page) ->
#ifndef MUTANT_SECOND_MESSAGE_DROPPED
        wake(page);
#endif
        inside--
     :: atomic { IS_TAKEN(page) -> inside-- }
#ifdef MUTANT_CLAIM_NOT_ATOMIC
     :: claim[page] == FREE && preserved[page] < epoch ->
        atomic { claim[page] = RESOLVING; now = epoch; newestNow = newestLive };
#else
     :: atomic { claim[page] == FREE && preserved[page] < epoch ->
          claim[page] = RESOLVING; now = epoch; newestNow = newestLive
        };
#endif
        preserve(page);
        if
        :: atomic { v > SLOTS -> claim[page] = FREE; v = 0; now = 0; newestNow = 0 };
           giveUp(page, mayWait)
        :: atomic { v <= SLOTS -> claim[page] = FREE; v = 0; now = 0; newestNow = 0; inside-- }
        fi
     /* None of them: locked by a release. Spin. */
     fi
  :: atomic { !mayWait && !GATE_IS_OPEN -> parked = true }
  fi
}

/* No slot. Messages about this page may have been dropped while we held the claim, so we answer for
 * all of them. Note the starvation, and only then look again: a slot may have been freed in between, by
 * somebody who did not see our word. */
inline giveUp(page, mayWait) {
#ifdef SCENARIO_FULL
  starved = true;
#ifndef MUTANT_STARVED_NOT_RECHECKED
  if
  :: !used[1] -> wake(page)
  :: used[1]
  fi;
#endif
  atomic { inside--; again = mayWait }
#else
  assert(false)     /* the other scenarios have slots enough */
#endif
}

/* ------------------------------------------------------------------ reading */

/* What version v of the page holds. */
#if VIEWS
#define CONTENT(v, p) (keeper[v] > 0 -> VIEWLOAD(keeper[v], p) : content[v])
#define IN_USE(v) (used[v] && (keeper[v] == 0 || viewMapped[keeper[v]]))
#else
#define CONTENT(v, p) content[v]
#define IN_USE(v) used[v]
#endif

#ifdef RELEASES
#define SEQUENCE_BEGINS atomic { unlinkSequence % 2 == 0 -> sequence = unlinkSequence }
#else
#define SEQUENCE_BEGINS skip        /* nobody unlinks */
#endif
#if defined(RELEASES) && !defined(MUTANT_WALK_NOT_VALIDATED)
#define SEQUENCE_IS_UNCHANGED (unlinkSequence == sequence)
#else
#define SEQUENCE_IS_UNCHANGED (true)
#endif

/* v = the version of the page that serves snapshot s, 0 for none. Walks without a lock; if a
 * release unlinked meanwhile, walks again. */
inline locate(s, page) {
  do
  :: SEQUENCE_BEGINS;
     n = newest[page];
     do
     :: atomic { n > 0 && upper[n] >= s -> v = n; n = older[n] }
     :: atomic { n == 0 || upper[n] < s -> n = 0; break }
     od;
     if
     :: atomic { SEQUENCE_IS_UNCHANGED -> sequence = 0; break }
     :: atomic { !SEQUENCE_IS_UNCHANGED -> sequence = 0; v = 0 }
     fi
  od
}

/* x = page of snapshot s. */
inline copyPage(s, page) {
  do
  :: locate(s, page);
     if
     :: atomic { v > 0 ->
          CHECK_SLOTS(IN_USE(v));
          x = CONTENT(v, page);
          v = 0;
          looked = false;
          break
        }
     :: atomic { v == 0 && looked -> looked = false; break }
     :: atomic { v == 0 && !looked -> x = live[page];
#ifdef MUTANT_LIVE_COPY_NOT_RECHECKED
          break
#else
          /* Look again: if a version has appeared, the live page may have been written to. */
          looked = true
#endif
        }
     fi
  od
}

/* ---------------------------------------------------------------- snapshots */

/* Whatever has happened: a snapshot that lives reads as it must. */
inline checkSnapshot(s) {
  p = 0;
  do
  :: p < PAGES && isLive[s] ->
     v = 0;
     n = newest[p];
     do
     :: n > 0 && upper[n] >= s -> v = n; n = older[n]
     :: else -> break
     od;
     CHECK_ISOLATION((v > 0 -> CONTENT(v, p) : live[p]) == EXPECTED(s, p));
     p++
  :: else -> break
  od
}

inline raiseEpoch() {
  epoch++;
  newestLive = epoch
}

inline makeSnapshot() {
  atomic { !control -> control = true };
#ifdef MUTANT_EPOCH_RAISED_EARLY
  d_step { raiseEpoch() };
#define IS_DIRTY(p) (preserved[p] + 1 == epoch)
#else
#define IS_DIRTY(p) (preserved[p] == epoch)
#endif
  closeGate();
  p = 0;
  do
  :: p < PAGES ->
     d_step {
       if
       :: IS_DIRTY(p) -> wp[p] = true    /* un-protected since the last snapshot */
       :: else
       fi;
       p++
     }
  :: else -> break
  od;
  atomic {
#ifndef MUTANT_EPOCH_RAISED_EARLY
    raiseEpoch();
#endif
    p = 0;
    do
    :: p < PAGES -> EXPECTED(epoch, p) = live[p]; p++
    :: else -> break
    od;
    p = 0
  };
  openGate();
  atomic {
    isLive[epoch] = true;
#ifdef RELEASES
    listed[epoch] = true;
#endif
    control = false
  }
}

#ifdef RELEASES
/* Version v, whose page's claim is taken, leaves the page's chain. */
inline unlinkVersion() {
  unlinkSequence++;
  d_step {
    if
    :: newest[pageOf[v]] == v -> newest[pageOf[v]] = older[v]
    :: else ->
       n = newest[pageOf[v]];
       do
       :: older[n] != v -> n = older[n]
       :: else -> break
       od;
       older[n] = older[v];
       n = 0
    fi
  };
  unlinkSequence++
}

/* Version v goes, and the view that it was the last to live in, if that was closed. */
inline freeVersion() {
  atomic { claim[pageOf[v]] == FREE -> claim[pageOf[v]] = LOCKED };
  unlinkVersion();
  claim[pageOf[v]] = FREE;
  d_step {
    used[v] = false;
    content[v] = POISON;
    lower[v] = 0; upper[v] = 0; older[v] = 0; pageOf[v] = 0; owner[v] = 0;
#if VIEWS
    where = keeper[v];
    keeper[v] = 0;
#endif
    v = 0
  };
#if VIEWS
  if
  :: atomic { where > 0 && !viewOpen[where] -> skip };
     unmapUnlessNeeded(where);
     where = 0
  :: atomic { where == 0 || viewOpen[where] -> where = 0 }
  fi
#endif
}

/* Takes a snapshot off the list. Under the control lock, none is going. */
inline beginDeparture(s) {
  d_step {
    p = s - 1;
    do
    :: p > 0 && !listed[p] -> p--
    :: else -> break
    od;
    departOlder = p;
    p = s + 1;
    do
    :: p <= epoch && !listed[p] -> p++
    :: else -> break
    od;
    departEnd = p;
    p = 0
  };
  if
  :: s == newestLive ->
#ifdef MUTANT_BEGUN_WITH_GATE_OPEN
     newestLive = departOlder
#else
     closeGate();
     newestLive = departOlder;
     openGate()
#endif
  :: else
  fi;
  atomic {
    listed[s] = false;
    departing = s;
    cursor = 1;
    v = 1;
    do
    :: v <= SLOTS -> if :: used[v] && owner[v] == s -> owner[v] = LEAVING :: else fi; v++
    :: else -> break
    od;
    v = 0;
    /* The shorter of the two lists, in truth: either has to do. */
    if
    :: followsOlder = false
    :: departOlder > 0 -> followsOlder = true
    fi
  }
}

/* Takes one step of the departure that is under way. Under the control lock. */
inline advanceDeparture() {
  d_step {
    do
    :: cursor <= SLOTS && !(used[cursor] && owner[cursor] == (followsOlder -> departOlder : LEAVING)) ->
       cursor++
    :: else -> break
    od
  };
  if
  :: cursor > SLOTS ->
     d_step {
       v = 1;
       do
       :: v <= SLOTS ->
          if
          :: used[v] && owner[v] == LEAVING -> owner[v] = departOlder
          :: else
          fi;
          v++
       :: else -> break
       od;
       v = 0; departing = 0; departOlder = 0; departEnd = 0; cursor = 0; followsOlder = false
     }
  :: cursor <= SLOTS && !followsOlder ->
     d_step {
#ifdef MUTANT_RELEASE_FREES_SHARED
       v = cursor;
#else
       v = (lower[cursor] >= departOlder -> cursor : 0);
#endif
       cursor++
     };
     if
     :: v > 0 -> freeVersion()
     :: v == 0
     fi
  :: cursor <= SLOTS && followsOlder ->
     /* The next newer version of the same page, found with the page's claim. */
     atomic { claim[pageOf[cursor]] == FREE -> claim[pageOf[cursor]] = LOCKED };
     d_step {
       v = newest[pageOf[cursor]];
       if
       :: v == cursor -> v = 0
       :: else ->
          do
          :: older[v] != cursor -> v = older[v]
          :: else -> break
          od
       fi;
       claim[pageOf[cursor]] = FREE;
#ifndef MUTANT_TWIN_OF_ANY_EPOCH
       if
       :: v > 0 && !(upper[v] >= departing && upper[v] < departEnd) -> v = 0
       :: else
       fi;
#endif
       cursor++
     };
     if
     :: v > 0 -> freeVersion()
     :: v == 0
     fi
  fi;
#ifdef SCENARIO_DEPARTURE
  d_step { checkSnapshot(1); checkSnapshot(2); checkSnapshot(3); p = 0; v = 0; n = 0 };
#endif
#ifdef SCENARIO_FULL
  releases++;
  /* Even if nothing was freed: with fewer snapshots, a page may need no slot any more. */
  if
#ifdef MUTANT_STARVED_WOKEN_BY_SLOTS_ALONE
  :: atomic { starved && !used[1] -> starved = false }; wakeRegion()
  :: !starved || used[1]
#else
  :: atomic { starved -> starved = false }; wakeRegion()
  :: !starved
#endif
  fi
#endif
}

/* The snapshot is nobody's any more: isLive[s] was taken back. */
inline release(s) {
  do
  :: atomic { !control -> control = true };
     if
     :: departing == 0 && listed[s] -> beginDeparture(s)
     :: !(departing == 0 && listed[s])
     fi;
     if
     :: atomic { !listed[s] && departing != s -> control = false; break }
     :: listed[s] || departing == s -> advanceDeparture(); control = false
     fi
  od
}
#endif

#if VIEWS
inline makeView(s) {
  atomic { !control -> control = true };
  closeGate();
  d_step { viewOpen[s] = true; viewMapped[s] = true };
  openGate();
  /* From here resolvers keep the view right. What was preserved before, is filled in. */
  p = 0;
  do
  :: p < PAGES ->
     locate(s, p);
     atomic {
       if
       :: v > 0 && keeper[v] != s ->
          CHECK_SLOTS(IN_USE(v));
          viewPage[AT(s, p)] = CONTENT(v, p);
          viewOwn[AT(s, p)] = true
       :: else
       fi;
       v = 0;
       p++
     }
  :: else -> break
  od;
  atomic { p = 0; viewReady[s] = true; control = false }
}
#endif

#if VIEWS && defined(RELEASES)
/* The mapping stays while a version lives in it. Under the control lock. */
inline unmapUnlessNeeded(s) {
  d_step {
    v = 1;
    do
#ifndef MUTANT_VIEW_UNMAPPED_AT_ONCE
    :: v <= SLOTS && !(used[v] && keeper[v] == s) -> v++
#endif
    :: else -> break
    od;
    if
#ifdef MUTANT_VIEW_UNMAPPED_AT_ONCE
    :: true ->
#else
    :: v > SLOTS ->
#endif
       viewMapped[s] = false;
       viewOwn[AT(s, 0)] = false;
       viewPage[AT(s, 0)] = 0
    :: else
    fi;
    v = 0
  }
}

inline closeView(s) {
  atomic { !control && !viewHeld[s] -> control = true; viewReady[s] = false };
  closeGate();
  viewOpen[s] = false;
  openGate();
  unmapUnlessNeeded(s);
  control = false
}
#endif

#ifdef RESTORER
/* Not under the control lock, so that snapshots may be taken between two pages. */
inline restorePage(s, page) {
  atomic { GATE_IS_OPEN -> inside++ };
#ifdef MUTANT_CONTROL_LOCK_INSIDE_GATE
  atomic { !control -> control = true };
  control = false;
#endif
  locate(s, page);
  if
  :: atomic { v > 0 -> source = v; v = 0 };
     atomic { claim[page] == FREE ->
       claim[page] = RESOLVING; now = epoch; newestNow = newestLive
     };
     if
     :: preserved[page] < now ->
#ifdef MUTANT_RESTORE_WITHOUT_PRESERVING
        newestNow = 0;
#endif
        preserve(page)
     :: preserved[page] >= now
     fi;
     d_step {
       CHECK_SLOTS(IN_USE(source));
       CHECK_REST(!wp[page]);
       live[page] = CONTENT(source, page);
       CHECK_ISOLATION(live[page] == EXPECTED(s, page));
       source = 0
     };
     d_step { claim[page] = FREE; v = 0; now = 0; newestNow = 0; inside-- }
  :: atomic { v == 0 -> inside-- }         /* not written to since s */
  fi
}
#endif

/* ------------------------------------------------------------------- actors */

#if VIEWS
#define RESOLVER_LOCALS byte v, now, newestNow, i, k, where; bool again
#else
#define RESOLVER_LOCALS byte v, now, newestNow, i; bool again
#endif
#define READER_LOCALS byte n, sequence

/* A writer's program: what step `step` of writer `me` writes. In the causal one, page 1 only
 * ever receives what page 0 was seen to hold, in the same thread or another, and page 0 only grows:
 * so in a consistent cut page 1 never holds more than page 0. */
#ifdef CAUSAL
#define STEPS (2 - me)
#define PROGRAM if :: me == 0 && step == 0 -> page = 0; value = 1 \
                   :: else -> page = 1; value = live[0] fi
#elif defined(SCENARIO_RELEASE) || defined(SCENARIO_DEPARTURE)
#define STEPS 3
#define PROGRAM page = 0; value = step + 1
#elif defined(SCENARIO_ALL)
#define STEPS 1
#define PROGRAM page = 0; value = 1
#elif defined(SCENARIO_FULL)
#define STEPS 2
#define PROGRAM page = 0; value = step + 1
#else
#define STEPS (2 - me)
#define PROGRAM page = 0; value = 1 + 2 * me + step
#endif

proctype Writer(byte me) {
  RESOLVER_LOCALS;
  byte page, value, step;
  do
  :: atomic { step < STEPS -> PROGRAM; step++ };
     /* A store: it faults until the page lets it through. */
     do
     :: atomic { !wp[page] -> live[page] = value; break }
     :: wp[page] ->
#ifdef INLINE
        resolve(page, true)
#else
        wait(me, page)
#endif
     od
  :: atomic { step == STEPS -> break }
  od;
  atomic { page = 0; value = 0; step = 0; finished++ }
}

#ifdef HANDLER
proctype Handler() {
  RESOLVER_LOCALS;
  byte page;
end:
  do
  :: if
     :: atomic { unread[0] -> unread[0] = false; page = waits[0] - 1 }
#if WRITERS > 1
     :: atomic { unread[1] -> unread[1] = false; page = waits[1] - 1 }
#endif
     fi;
     resolve(page, false);
     page = 0
  od
}
#endif

#ifdef PREPARER
/* MemoryRegion.prepareToWrite for page 0: the same resolver, in an application thread. */
proctype Preparer() {
  RESOLVER_LOCALS;
#ifdef SCENARIO_FULL
  byte seen;
#endif
  do
  ::
#ifdef SCENARIO_FULL
     /* Before the attempt: whatever is released from here on, ends the wait. Looking for a free slot
      * instead would not do: one may have been freed and used, for this very page. */
     seen = releases;
#endif
     resolve(0, true);
     if
#ifdef SCENARIO_FULL
     :: atomic { again && releases != seen -> again = false; seen = 0 }
     :: atomic { !again -> seen = 0; break }
#else
     :: atomic { !again -> break }
#endif
     fi
  od;
  finished++
}
#endif

#if VIEWS
/* A view keeps its snapshot. */
#define CAN_RELEASE(s) (isLive[s] && !held[s] && !viewOpen[s])
#else
#define CAN_RELEASE(s) (isLive[s] && !held[s])
#endif

/* The application's thread that takes snapshots, makes views, releases: in every order. */
proctype Owner() {
  RESOLVER_LOCALS;
  READER_LOCALS;
  byte p;
#if VIEWS && defined(RELEASES)
  bool wasViewed[VIEWS + 1];
#endif
  do
  :: epoch < EPOCHS -> makeSnapshot()
#ifdef RELEASES
  :: atomic { CAN_RELEASE(1) -> isLive[1] = false }; release(1)
  :: atomic { CAN_RELEASE(2) -> isLive[2] = false }; release(2)
#if VIEWS
  :: atomic { isLive[1] && !wasViewed[1] -> wasViewed[1] = true }; makeView(1)
  :: atomic { isLive[2] && !wasViewed[2] -> wasViewed[2] = true }; makeView(2)
  :: viewReady[1] -> closeView(1)
  :: viewReady[2] -> closeView(2)
#endif
#if EPOCHS > 2
  :: atomic { isLive[3] && !held[3] -> isLive[3] = false }; release(3)
#endif
#ifdef SCENARIO_FULL
  /* One slot is enough for the page of the last snapshot, if it is ours. */
  :: atomic { epoch == EPOCHS && !slotIsElsewhere && (!isLive[1] || !isLive[2]) -> break }
#endif
  :: atomic { epoch == EPOCHS && !isLive[1] && !isLive[2] && !isLive[EPOCHS] ->
#if VIEWS
       wasViewed[1] = false; wasViewed[2] = false;
#endif
       break
     }
#elif VIEWS
  :: isLive[1] && !viewReady[1] -> makeView(1)
  :: isLive[2] && !viewReady[2] -> makeView(2)
  :: atomic { epoch == EPOCHS && viewReady[1] && viewReady[2] -> break }
#else
  :: atomic { epoch == EPOCHS -> break }
#endif
  od;
  finished++
}

#ifdef RELEASER
/* Another thread that releases. */
proctype Releaser() {
  RESOLVER_LOCALS;
  READER_LOCALS;
  byte p;
  do
  :: atomic { CAN_RELEASE(1) -> isLive[1] = false }; release(1)
  :: atomic { CAN_RELEASE(2) -> isLive[2] = false }; release(2)
  :: atomic { CAN_RELEASE(3) -> isLive[3] = false }; release(3)
  :: atomic { epoch == EPOCHS && !isLive[1] && !isLive[2] && !isLive[EPOCHS] -> break }
  od;
  finished++
}
#endif

#ifdef READER
/* Reads any snapshot, at any time of its life. */
proctype Reader() {
  READER_LOCALS;
  byte s, v, x;
  bool looked;
#if PAGES > 1
  byte first;
#endif
  if
  :: atomic { isLive[1] -> s = 1; held[s]++ }
  :: atomic { isLive[2] -> s = 2; held[s]++ }
#if EPOCHS > 2
  :: atomic { isLive[3] -> s = 3; held[s]++ }
#endif
#ifdef RELEASES
  :: atomic { epoch == EPOCHS && !isLive[1] && !isLive[2] && !isLive[EPOCHS] -> goto done }
#endif
  fi;
  if
#if VIEWS
  :: atomic { viewReady[s] -> viewHeld[s] = true };
     CHECK_SLOTS(viewMapped[s]);
     atomic { x = VIEWLOAD(s, 0); viewHeld[s] = false }
#endif
  :: true ->
     copyPage(s, 0);
#if PAGES > 1
     atomic { CHECK_ISOLATION(x == EXPECTED(s, 0)); first = x };
     copyPage(s, 1)
#endif
  fi;
  atomic {
    CHECK_ISOLATION(x == EXPECTED(s, PAGES - 1));
#ifdef CAUSAL
    CHECK_CUT(x <= first);
#endif
    held[s]--;
    s = 0; x = 0; v = 0;
#if PAGES > 1
    first = 0
#endif
  };
done:
  finished++
}
#endif

#ifdef RESTORER
proctype Restorer() {
  RESOLVER_LOCALS;
  READER_LOCALS;
  byte source;
  if
  :: atomic { isLive[1] -> held[1]++ };
     restorePage(1, 0);
     held[1]--
#ifdef RELEASES
  :: epoch == EPOCHS && !isLive[1]
#endif
  fi;
  finished++
}
#endif

/* Nobody is left asleep, and all is at rest: the page is protected exactly when its word says so,
 * the gate is open and empty, no claim is held, no slot is lost. */
#ifdef SCENARIO_FULL
#define KEPT_ELSEWHERE slotIsElsewhere
#else
#define KEPT_ELSEWHERE false
#endif
#define AT_REST(p) (wp[p] == (preserved[p] < epoch) && claim[p] == FREE)

init {
  byte actors, p, v, n;
  atomic {
#ifdef SCENARIO_FULL
    if
    :: slotIsElsewhere = true; used[1] = true
    :: true
    fi;
#endif
    run Writer(0); actors++;
#if WRITERS > 1
    run Writer(1); actors++;
#endif
#ifdef HANDLER
    run Handler();
#endif
    run Owner(); actors++;
#ifdef PREPARER
    run Preparer(); actors++;
#endif
#ifdef RELEASER
    run Releaser(); actors++;
#endif
#ifdef READER
    run Reader(); actors++;
#endif
#ifdef RESTORER
    run Restorer(); actors++;
#endif
  };
  atomic {
    finished == actors && inside == 0;
    CHECK_REST(AT_REST(0) && AT_REST(PAGES - 1));
    CHECK_REST(!closed && !control && unlinkSequence % 2 == 0);
#ifdef RELEASES
    CHECK_REST(departing == 0);
#endif
    checkSnapshot(1);
    checkSnapshot(2);
#ifdef RELEASES
#if VIEWS
    CHECK_REST(!viewMapped[1] && !viewMapped[2]);
#endif
    actors = 1;
    do
    :: actors <= SLOTS -> CHECK_REST(!used[actors] || isLive[owner[actors]] || KEPT_ELSEWHERE); actors++
    :: else -> break
    od;
#endif
    skip
  }
}
