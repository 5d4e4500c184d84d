package org.linnet;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertSame;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;
import static org.linnet.Failures.assertClosed;
import static org.linnet.Failures.assertFails;

import android.os.ParcelFileDescriptor;
import java.io.IOException;
import java.lang.ref.WeakReference;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;

/** Models from files, parts of files and memory, and what cannot be opened. */
public class OpeningTest {
  private static final int[] TOKENS = {5, 6, 7};

  @Rule public final NothingLeft nothingLeft = new NothingLeft();
  @Rule public final TemporaryFolder folder = new TemporaryFolder();

  private static float[] logits(Model model) {
    try (Session session = Session.open(model)) {
      return session.run(TOKENS);
    }
  }

  private static float[] expectedLogits() {
    try (Model model = Model.open(TestFiles.bundled().toString())) {
      return logits(model);
    }
  }

  @Test
  public void aModelDescribesItself() {
    try (Model model = Model.open(TestFiles.bundled().toString())) {
      ModelInfo info = model.info();
      assertEquals("qwen3_5", info.architecture());
      assertEquals("f32", info.weights());
      assertTrue(info.hasDecoder() && info.hasTokenizer() && !info.hasEncoder());
      assertTrue(info.vocabulary() > 0 && info.fileBytes() > 1 << 20);
      assertTrue(info.labels().isEmpty());
      assertTrue(model.generateOptions().maxTokens > 0);
      SessionMemory small = model.sessionMemory(new SessionOptions().chunk(1));
      SessionMemory large = model.sessionMemory(new SessionOptions().chunk(64));
      assertEquals(small.stateBytes(), large.stateBytes());
      assertTrue(small.arenaBytes() < large.arenaBytes());
      assertTrue(small.stateBytes() + small.arenaBytes() <= small.totalBytes());
    }
    assertTrue(Model.linnetVersion().matches("\\d+\\.\\d+\\.\\d+"));
  }

  @Test
  public void whatCannotBeOpenedIsNamed() throws IOException {
    String missing = folder.getRoot() + "/größe 😀.linnet";
    assertFails(Status.IO_ERROR, () -> Model.open(missing), missing);

    Path text = folder.newFile("text.linnet").toPath();
    Files.write(text, new byte[1000]);
    assertFails(Status.INVALID_MODEL, () -> Model.open(text.toString()), "text.linnet");

    byte[] whole = Files.readAllBytes(TestFiles.bundled());
    Path half = folder.newFile("half.linnet").toPath();
    Files.write(half, Arrays.copyOf(whole, whole.length / 2));
    assertFails(Status.INVALID_MODEL, () -> Model.open(half.toString()), "half.linnet");

    assertThrows(IllegalArgumentException.class, () -> Model.open("a\0b"));
  }

  @Test
  public void aPartOfAnOpenFileIsAModel() throws IOException {
    float[] expected = expectedLogits();
    byte[] bytes = Files.readAllBytes(TestFiles.bundled());
    Path packed = folder.newFile("packed").toPath();
    byte[] all = new byte[192 + bytes.length + 100];
    System.arraycopy(bytes, 0, all, 192, bytes.length);
    Files.write(packed, all);
    try (ParcelFileDescriptor file = new ParcelFileDescriptor(packed)) {
      int descriptor = file.getFd();
      try (Model model = Model.open(descriptor, 192, bytes.length, null)) {
        file.close();
        assertArrayEquals(expected, logits(model), 0);
      }
    }
  }

  @Test
  public void aPartThatIsNoneIsNamed() throws IOException {
    long size = Files.size(TestFiles.bundled());
    try (ParcelFileDescriptor file = new ParcelFileDescriptor(TestFiles.bundled())) {
      int descriptor = file.getFd();
      assertFails(Status.INVALID_ARGUMENT,
          ()
              -> Model.open(descriptor, 100, 0, null),
          "file descriptor " + descriptor, "offset 100 is not a multiple of 64");
      assertFails(Status.INVALID_ARGUMENT,
          () -> Model.open(descriptor, 64, size, null), "the file has " + size);
      assertThrows(IllegalArgumentException.class, () -> Model.open(descriptor, -64, 0, null));
    }
    assertFails(Status.IO_ERROR, () -> Model.open(-1, 0, 0, null), "file descriptor -1");
  }

  @Test
  public void memoryIsAModel() throws IOException {
    float[] expected = expectedLogits();
    byte[] bytes = Files.readAllBytes(TestFiles.bundled());
    ByteBuffer buffer = Model.alignedBuffer(bytes.length);
    assertEquals(bytes.length, buffer.remaining());
    buffer.put(bytes).flip();
    try (Model model = Model.open(buffer, null)) {
      assertArrayEquals(expected, logits(model), 0);
    }
    try (FileChannel file = FileChannel.open(TestFiles.bundled());
         Model model = Model.open(file.map(FileChannel.MapMode.READ_ONLY, 0, file.size()), null)) {
      assertArrayEquals(expected, logits(model), 0);
    }
  }

  @Test
  public void memoryThatIsNoneIsNamed() {
    assertThrows(IllegalArgumentException.class, () -> Model.open(ByteBuffer.allocate(1000), null));
    ByteBuffer buffer = Model.alignedBuffer(1000);
    assertFails(Status.INVALID_MODEL, () -> Model.open(buffer, null));
    buffer.position(8);
    assertFails(Status.INVALID_ARGUMENT, () -> Model.open(buffer, null), "64-byte aligned");
  }

  @Test
  public void memoryStaysAsLongAsTheModel() throws IOException {
    byte[] bytes = Files.readAllBytes(TestFiles.model("emoji"));
    ByteBuffer buffer = Model.alignedBuffer(bytes.length);
    buffer.put(bytes).flip();
    WeakReference<ByteBuffer> memory = new WeakReference<>(buffer);
    Model model = Model.open(buffer, null);
    Session session = Session.open(model);
    buffer = null;
    model.close();
    model = null;
    System.gc();
    assertNotNull(memory.get());
    assertTrue(session.run(TOKENS).length > 0);
    session.close();
    session = null;
    for (int i = 0; i < 100 && memory.get() != null; ++i) System.gc();
    assertSame(null, memory.get());
  }

  @Test
  public void openingTellsOfItsProgress() {
    List<Float> shares = new ArrayList<>();
    Model.open(TestFiles.bundled().toString(), shares::add).close();
    assertFalse(shares.isEmpty());
    for (int i = 1; i < shares.size(); ++i) assertTrue(shares.get(i - 1) <= shares.get(i));
    assertTrue(shares.get(0) >= 0 && shares.get(shares.size() - 1) <= 1);

    assertFails(Status.CANCELLED, () -> Model.open(TestFiles.bundled().toString(), done -> false));
    RuntimeException own = new RuntimeException("own");
    Progress throwing = done -> {
      throw own;
    };
    assertSame(own,
        assertThrows(
            RuntimeException.class, () -> Model.open(TestFiles.bundled().toString(), throwing)));
  }

  @Test
  public void aClosedModelRefusesEveryCall() {
    Model model = Model.open(TestFiles.model("classifier").toString());
    model.close();
    model.close();
    assertClosed(() -> Session.open(model));
    assertClosed(() -> model.sessionMemory(new SessionOptions()));
    assertClosed(model::generateOptions);
    assertClosed(() -> model.tokenize("a", false));
    assertClosed(() -> model.tokens("a", "b", false));
    assertClosed(() -> model.detokenize(TOKENS, false));
    assertClosed(() -> model.labelScores(new float[3]));
    assertEquals(3, model.info().labels().size());
  }

  @Test
  public void sessionsKeepTheirModelAlive() {
    int before = Handle.count();
    Model model = Model.open(TestFiles.bundled().toString());
    Session session = Session.open(model);
    model.close();
    float[] logits = session.run(TOKENS);
    try (Session fork = session.fork()) {
      session.close();
      fork.reset();
      assertArrayEquals(logits, fork.run(TOKENS), 0);
      assertEquals(StopReason.CALLBACK, fork.generate("The", text -> false).stop());
      assertEquals(before + 2, Handle.count());
    }
    assertEquals(before, Handle.count());
  }

  @Test
  public void whatIsForgottenIsFreedLater() throws InterruptedException {
    int before = Handle.count();
    forgetASession();
    // The collector notices in its own time: a minute is more than it ever takes.
    for (int i = 0; i < 600 && Handle.count() > before; ++i) {
      System.gc();
      Thread.sleep(100);
      Model.open(TestFiles.model("emoji").toString()).close();
    }
    assertEquals(before, Handle.count());
  }

  private static void forgetASession() {
    Session session = Session.open(Model.open(TestFiles.model("emoji").toString()));
    assertTrue(session.run(TOKENS).length > 0);
  }
}
