package org.linnet;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertSame;
import static org.junit.Assert.assertThrows;
import static org.linnet.Failures.assertClosed;
import static org.linnet.Failures.assertFails;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.After;
import org.junit.Before;
import org.junit.Rule;
import org.junit.Test;

/** Tokens, logits and state. */
public class SessionTest {
  private static final int[] TOKENS = {5, 6, 7, 8, 9};

  @Rule public final NothingLeft nothingLeft = new NothingLeft();
  private Model model;

  @Before
  public void openModel() {
    model = Model.open(TestFiles.bundled().toString());
  }

  @After
  public void closeModel() {
    model.close();
  }

  @Test
  public void aForkAndASavedStateGoOnAlike() {
    try (Session session = Session.open(model, new SessionOptions().threads(1).chunk(2))) {
      session.read(5, 6, 7, 8);
      assertEquals(4, session.position());
      byte[] state = session.saveState();
      float[] expected;
      try (Session fork = session.fork()) {
        expected = session.run(9);
        assertArrayEquals(expected, fork.run(9), 0);
        fork.reset();
        assertEquals(0, fork.position());
        assertFalse(Arrays.equals(expected, fork.run(9)));
        fork.loadState(state);
        assertEquals(4, fork.position());
        assertArrayEquals(expected, fork.run(9), 0);
      }
      assertEquals(model.info().vocabulary(), expected.length);
    }
  }

  @Test
  public void everyTokenMayHaveItsLogits() {
    try (Session session = Session.open(model, new SessionOptions().allLogits(true).chunk(2));
         Session last = Session.open(model, new SessionOptions().chunk(2))) {
      float[] all = session.run(TOKENS);
      int vocabulary = model.info().vocabulary();
      assertEquals(TOKENS.length * vocabulary, all.length);
      for (int i = 0; i < TOKENS.length; ++i) {
        float[] row = Arrays.copyOfRange(all, i * vocabulary, (i + 1) * vocabulary);
        // A row that runs alone is multiplied by another kernel than one of a chunk of two.
        assertArrayEquals(last.run(TOKENS[i]), row, 1e-3f);
      }
    }
  }

  @Test
  public void whatASessionRefusesIsNamed() {
    try (Session session = Session.open(model)) {
      int outside = model.info().vocabulary();
      assertFails(Status.INVALID_ARGUMENT, () -> session.run(1, outside), "" + outside);
      assertFails(Status.INVALID_ARGUMENT, () -> session.run(-1), "-1");
      assertFails(Status.INVALID_ARGUMENT, session::run, "no token");
      byte[] state = session.saveState();
      assertThrows(LinnetException.class, () -> session.loadState(new byte[0]));
      assertThrows(
          LinnetException.class, () -> session.loadState(Arrays.copyOf(state, state.length - 1)));
      try (Model other = Model.open(TestFiles.model("emoji").toString());
           Session foreign = Session.open(other)) {
        assertThrows(LinnetException.class, () -> foreign.loadState(state));
      }
      assertEquals(0, session.position());
      session.loadState(state);
      assertFails(Status.UNSUPPORTED, () -> session.classify("text"), "no labels");
      assertFails(Status.UNSUPPORTED, () -> session.output("logits"), "no output 'logits'");
      assertThrows(LinnetException.class, () -> session.output(0));
      assertThrows(LinnetException.class, () -> session.output(-1));
      assertThrows(LinnetException.class, () -> session.encode(new Tokens(1, 2)));
    }
    assertThrows(IllegalArgumentException.class, () -> new SessionOptions().threads(-1));
  }

  @Test
  public void aRunTellsOfItsProgressAndCanBeStopped() {
    try (Session session = Session.open(model, new SessionOptions().chunk(2))) {
      List<Long> done = new ArrayList<>();
      session.onProgress((now, total) -> {
        assertEquals(TOKENS.length, total);
        return done.add(now);
      });
      session.read(TOKENS);
      assertEquals(Arrays.asList(2L, 4L, 5L), done);

      session.reset();
      session.onProgress((now, total) -> now < 4);
      assertFails(Status.CANCELLED, () -> session.read(TOKENS), "4 of 5");
      assertEquals(4, session.position());

      RuntimeException own = new RuntimeException("own");
      session.onProgress((now, total) -> { throw own; });
      assertSame(own, assertThrows(RuntimeException.class, () -> session.run(TOKENS)));
      session.onProgress(null);
      session.run(TOKENS);
    }
  }

  @Test
  public void aCancelBeforeACallStopsThatCallAlone() {
    try (Session session = Session.open(model)) {
      session.cancel();
      assertFails(Status.CANCELLED, () -> session.run(TOKENS));
      assertEquals(0, session.position());
      session.run(TOKENS);
      assertEquals(TOKENS.length, session.position());
    }
  }

  @Test
  public void aClosedSessionRefusesEveryCall() {
    Session session = Session.open(model);
    session.close();
    session.close();
    assertClosed(() -> session.run(TOKENS));
    assertClosed(() -> session.read(TOKENS));
    assertClosed(() -> session.generate("a", text -> true));
    assertClosed(() -> session.stream("a", model.generateOptions()));
    assertClosed(() -> session.encode(new Tokens(1)));
    assertClosed(() -> session.output(0));
    assertClosed(session::fork);
    assertClosed(session::cancel);
    assertClosed(session::position);
    assertClosed(session::reset);
    assertClosed(session::saveState);
    assertClosed(() -> session.loadState(new byte[0]));
  }
}
