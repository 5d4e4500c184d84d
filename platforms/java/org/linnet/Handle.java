package org.linnet;

import java.io.Closeable;
import java.lang.ref.PhantomReference;
import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.util.Collections;
import java.util.HashSet;
import java.util.Set;

/**
 * A native object and the calls that use it. Closing it under a call only marks it: nobody can
 * enter any more, and the last call to leave frees it.
 *
 * <p>What a program forgets to close is freed when, after the garbage collector has noticed, the
 * next model or session is opened. (java.lang.ref.Cleaner would need Android 13.)
 */
final class Handle {
  /** Does something to a native object. */
  interface Action {
    void apply(long address);
  }

  private static final ReferenceQueue<Object> forgotten = new ReferenceQueue<>();
  private static final Set<Owner> owners = Collections.synchronizedSet(new HashSet<Owner>());

  private final String name;
  private final long address;
  private final Action free;
  private final Owner owner;
  private int uses;
  private boolean isBusy;
  private boolean isClosed;

  /**
   * @param object the Java object that stands for the native one
   * @param name what messages call it
   * @param free frees the native object, and what it needs for as long as it lives
   */
  Handle(Object object, String name, long address, Action free) {
    this.name = name;
    this.address = address;
    this.free = free;
    owner = new Owner(object, this);
    owners.add(owner);
  }

  /** How many native objects there are. */
  static int count() {
    return owners.size();
  }

  static void freeForgotten() {
    for (Reference<?> found = forgotten.poll(); found != null; found = forgotten.poll()) {
      ((Owner) found).handle.close(address -> {});
    }
  }

  /** Enters a call that others may make at the same time. */
  Use share() {
    return enter(false);
  }

  /** Enters a call of which there may be one at a time. */
  Use alone() {
    return enter(true);
  }

  /**
   * Frees the native object, or leaves that to the calls that use it.
   *
   * @param interrupt asks these calls to end soon
   */
  void close(Action interrupt) {
    synchronized (this) {
      if (isClosed)
        return;
      isClosed = true;
      if (uses > 0) {
        interrupt.apply(address);
        return;
      }
    }
    free();
  }

  private synchronized Use enter(boolean alone) {
    if (isClosed)
      throw new IllegalStateException("the " + name + " is closed");
    if (alone && isBusy) {
      throw new IllegalStateException("the " + name
          + " runs another call: until it returns, only cancel and close may be called");
    }
    isBusy |= alone;
    ++uses;
    return new Use(alone);
  }

  private void leave(boolean alone) {
    synchronized (this) {
      if (alone)
        isBusy = false;
      --uses;
      if (!isClosed || uses > 0)
        return;
    }
    free();
  }

  private void free() {
    owners.remove(owner);
    free.apply(address);
  }

  /** A call that uses the native object, from entering to closing this. */
  final class Use implements Closeable {
    final long address = Handle.this.address;
    private final boolean alone;

    private Use(boolean alone) {
      this.alone = alone;
    }

    /** Another use beside this one, even of an object that is closed by now. */
    Use share() {
      synchronized (Handle.this) {
        ++uses;
      }
      return new Use(false);
    }

    @Override
    public void close() {
      leave(alone);
    }
  }

  private static final class Owner extends PhantomReference<Object> {
    final Handle handle;

    Owner(Object object, Handle handle) {
      super(object, forgotten);
      this.handle = handle;
    }
  }
}
