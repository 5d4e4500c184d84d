package org.linnet;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotEquals;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertSame;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;
import static org.linnet.Failures.assertBusy;
import static org.linnet.Failures.assertClosed;
import static org.linnet.Failures.assertFails;

import java.nio.charset.StandardCharsets;
import java.util.NoSuchElementException;
import java.util.concurrent.CountDownLatch;
import org.junit.After;
import org.junit.Before;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.Timeout;

/** Text into tokens and back, and text that a model writes. */
public class TextTest {
  private static final String PROMPT = "The people of the United States";
  // As fast for models so small, also on a busy machine.
  private static final SessionOptions ONE_THREAD = new SessionOptions().threads(1);
  // More tokens than any test waits for.
  private static final long ENDLESS = Long.MAX_VALUE;

  @Rule public final NothingLeft nothingLeft = new NothingLeft();
  @Rule public final Timeout timeout = Timeout.seconds(300);
  private Model model;
  private Session session;

  @Before
  public void open() {
    model = Model.open(TestFiles.bundled().toString());
    session = Session.open(model, ONE_THREAD);
  }

  @After
  public void close() {
    session.close();
    model.close();
  }

  private GenerateOptions options(long tokens) {
    return model.generateOptions().maxTokens(tokens).temperature(0.8f).seed(7).ignoreEnd(true);
  }

  @Test
  public void everyTextComesBackFromItsTokens() {
    // Of two, three and four bytes; a zero, which JNI's own strings would write as two bytes.
    for (String text : new String[] {PROMPT, "naïve 字 😀👩‍🚀", "a\0b", ""}) {
      int[] ids = model.tokenize(text, false);
      assertEquals(text, model.detokenize(ids, false));
      assertArrayEquals(text.getBytes(StandardCharsets.UTF_8), model.detokenizeToBytes(ids, false));
    }
    assertEquals("?", model.detokenize(model.tokenize("\ud83d", false), false));
  }

  @Test
  public void aPairHasATypeForEachOfItsTexts() {
    Tokens one = model.tokens(PROMPT, false);
    assertArrayEquals(model.tokenize(PROMPT, false), one.ids());
    Tokens pair = model.tokens(PROMPT, "The", false);
    assertTrue(pair.ids().length > one.ids().length);
    assertEquals(0, pair.types()[0]);
    assertEquals(1, pair.types()[pair.types().length - 1]);
    assertThrows(IllegalArgumentException.class, () -> new Tokens(new int[2], new int[1]));
  }

  @Test
  public void textArrivesPieceByPiece() {
    StringBuilder text = new StringBuilder();
    int[] pieces = {0};
    Generated generated = session.generate(PROMPT, options(24), piece -> {
      text.append(piece);
      return ++pieces[0] > 0;
    });
    assertEquals(24, generated.tokens());
    assertEquals(model.tokenize(PROMPT, false).length, generated.promptTokens());
    assertEquals(StopReason.MAX_TOKENS, generated.stop());
    assertTrue(pieces[0] > 1);
    assertEquals(generated.promptTokens() + generated.tokens() - 1, session.position());

    session.reset();
    StringBuilder streamed = new StringBuilder();
    try (TextStream stream = session.stream(PROMPT, options(24))) {
      assertSame(null, stream.generated());
      while (stream.hasNext()) streamed.append(stream.next());
      assertEquals(24, stream.generated().tokens());
      assertThrows(NoSuchElementException.class, stream::next);
    }
    assertEquals(text.toString(), streamed.toString());
  }

  @Test
  public void emojiArriveWhole() {
    try (Model emoji = Model.open(TestFiles.model("emoji").toString());
         Session writer = Session.open(emoji, ONE_THREAD)) {
      assertArrayEquals(new int[] {1, 2}, emoji.tokenize("😀😁", false));
      StringBuilder text = new StringBuilder();
      GenerateOptions options = emoji.generateOptions().maxTokens(2000).ignoreEnd(true);
      options.temperature(1).seed(3);
      Generated generated = writer.generate("😀", options, piece -> {
        text.append(piece);
        return true;
      });
      assertEquals(2000, generated.tokens());
      int[] ids = emoji.tokenize(text.toString(), false);
      // Token 0 has no text; all others are an emoji each.
      assertTrue(ids.length > 1500);
      assertEquals(
          ids.length, text.codePoints().filter(Character::isSupplementaryCodePoint).count());
      assertEquals(2 * ids.length, text.length());
    }
  }

  @Test
  public void aCallbackStopsItsText() {
    Generated generated = session.generate(PROMPT, options(ENDLESS), piece -> false);
    assertEquals(StopReason.CALLBACK, generated.stop());
    assertNotEquals(0, session.position());
    session.run(5);
  }

  @Test
  public void whatACallbackThrowsIsThrown() {
    IllegalArgumentException own = new IllegalArgumentException("own");
    int[] calls = {0};
    TextCallback callback = piece -> {
      if (++calls[0] == 3)
        throw own;
      return true;
    };
    assertSame(own,
        assertThrows(IllegalArgumentException.class,
            () -> session.generate(PROMPT, options(ENDLESS), callback)));
    assertEquals(3, calls[0]);
    assertTrue(session.generate(" and", options(2), piece -> true).tokens() == 2);

    assertThrows(
        StackOverflowError.class, () -> session.generate(PROMPT, options(ENDLESS), piece -> {
          throw new StackOverflowError();
        }));
  }

  @Test
  public void anotherThreadCancels() throws InterruptedException {
    CountDownLatch begun = new CountDownLatch(1);
    Thread other = new Thread(() -> {
      try {
        begun.await();
      } catch (InterruptedException interrupted) {
        return;
      }
      session.cancel();
    });
    other.start();
    assertFails(Status.CANCELLED, () -> session.generate(PROMPT, options(ENDLESS), piece -> {
      begun.countDown();
      return true;
    }), "the state is empty");
    other.join();
    assertEquals(0, session.position());
    session.run(5);
  }

  @Test
  public void aSessionRunsOneCallAtATime() {
    session.generate(PROMPT, options(2), piece -> {
      assertBusy(() -> session.run(5));
      assertBusy(session::fork);
      assertBusy(session::position);
      assertBusy(() -> session.generate(PROMPT, text -> true));
      return true;
    });
    assertNotEquals(0, session.position());
  }

  @Test
  public void closingUnderACallEndsItSafely() throws InterruptedException {
    CountDownLatch begun = new CountDownLatch(1);
    Thread other = new Thread(() -> {
      try {
        begun.await();
      } catch (InterruptedException interrupted) {
        return;
      }
      model.close();
      session.close();
    });
    other.start();
    assertFails(Status.CANCELLED, () -> session.generate(PROMPT, options(ENDLESS), piece -> {
      begun.countDown();
      return true;
    }));
    other.join();
    assertClosed(() -> session.run(5));
  }

  @Test
  public void aCallbackMayCloseItsSession() {
    assertFails(Status.CANCELLED, () -> session.generate(PROMPT, options(ENDLESS), piece -> {
      session.close();
      return true;
    }));
    assertClosed(() -> session.run(5));
  }

  @Test
  public void aClosedStreamLeavesItsSessionUsable() {
    long position;
    try (TextStream stream = session.stream(PROMPT, options(ENDLESS))) {
      assertTrue(stream.hasNext());
      assertNotNull(stream.next());
      assertBusy(() -> session.run(5));
      stream.close();
      assertFalse(stream.hasNext());
      position = session.position();
      assertNotEquals(0, position);
    }
    session.run(5);
    assertEquals(position + 1, session.position());
  }

  @Test
  public void aStreamThrowsWhatStopsItsText() {
    try (TextStream stream = session.stream(PROMPT, options(ENDLESS))) {
      assertTrue(stream.hasNext());
      session.cancel();
      assertFails(Status.CANCELLED, () -> {
        while (stream.hasNext()) stream.next();
      });
      assertThrows(LinnetException.class, stream::next);
    }
    session.onProgress((done, total) -> done < 0);
    try (TextStream stream = session.stream(PROMPT, options(ENDLESS))) {
      assertFails(Status.CANCELLED, stream::hasNext);
    }
  }

  @Test
  public void anInterruptedReaderStopsItsStream() {
    try (TextStream stream = session.stream(PROMPT, options(ENDLESS))) {
      Thread.currentThread().interrupt();
      assertFails(Status.CANCELLED, stream::hasNext, "interrupted");
      assertTrue(Thread.interrupted());
    }
    session.run(5);
  }
}
