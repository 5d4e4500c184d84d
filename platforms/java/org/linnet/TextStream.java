package org.linnet;

import java.io.Closeable;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;

/**
 * A text piece by piece, while a thread of its own writes it, at most one piece ahead. The session
 * runs this alone until the text ends or the stream is closed, and goes on after what was written.
 * Used by one thread.
 */
public final class TextStream implements Iterator<String>, Closeable {
  private final BlockingQueue<Object> pieces = new ArrayBlockingQueue<>(1);
  private final Thread writer;
  private volatile boolean isStopped;
  // A piece, what the writer threw, or what the text took.
  private Object next;

  /** Takes over `use`. */
  TextStream(Session session, Handle.Use use, String prompt, GenerateOptions options,
      RunProgress progress) {
    // A closed stream stops within a long prompt too, between two chunks.
    RunProgress goesOn =
        (done, total) -> !isStopped && (progress == null || progress.onProgress(done, total));
    writer = new Thread(() -> write(session, use, prompt, options, goesOn), "linnet-text");
    writer.setDaemon(true);
    boolean isRunning = false;
    try {
      writer.start();
      isRunning = true;
    } finally {
      if (!isRunning)
        use.close();
    }
  }

  private void write(Session session, Handle.Use use, String prompt, GenerateOptions options,
      RunProgress progress) {
    Object end;
    try {
      end = session.generate(use, prompt, options, this::offer, progress);
    } catch (RuntimeException | Error thrown) {
      end = thrown;
    } finally {
      use.close();
    }
    offer(end);
  }

  private boolean offer(Object piece) {
    try {
      if (!isStopped)
        pieces.put(piece);
    } catch (InterruptedException closed) {
      isStopped = true;
    }
    return !isStopped;
  }

  /** Waits for the next piece; throws what stopped the text, if something did. */
  @Override
  public boolean hasNext() {
    if (next == null && !isStopped)
      next = take();
    if (next instanceof Error)
      throw(Error) next;
    if (next instanceof RuntimeException)
      throw(RuntimeException) next;
    return next instanceof String;
  }

  @Override
  public String next() {
    if (!hasNext())
      throw new NoSuchElementException("the text has ended");
    String piece = (String) next;
    next = null;
    return piece;
  }

  /** What the text took, after its last piece; null before, and after {@link #close}. */
  public Generated generated() {
    return next instanceof Generated ? (Generated) next : null;
  }

  /** Stops the text and waits for the token, or the chunk of the prompt, that is running. */
  @Override
  public void close() {
    isStopped = true;
    writer.interrupt();
    boolean isInterrupted = false;
    while (writer.isAlive()) {
      try {
        writer.join();
      } catch (InterruptedException interrupted) {
        isInterrupted = true;
      }
    }
    if (isInterrupted)
      Thread.currentThread().interrupt();
  }

  private Object take() {
    try {
      return pieces.take();
    } catch (InterruptedException interrupted) {
      close();
      Thread.currentThread().interrupt();
      return new LinnetException(Status.CANCELLED, "interrupted while waiting for text");
    }
  }
}
