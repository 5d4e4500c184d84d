package org.linnet;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;
import static org.linnet.Failures.assertFails;

import android.content.Context;
import android.content.pm.PackageInfo;
import android.content.pm.PackageManager;
import android.content.res.AssetManager;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.Before;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;
import org.linnet.android.Assets;

/** Models among the assets of an app, with stand-ins for the classes of Android. */
public class AssetsTest {
  @Rule public final NothingLeft nothingLeft = new NothingLeft();
  @Rule public final TemporaryFolder folder = new TemporaryFolder();
  private final PackageInfo app = new PackageInfo();
  private Path files;

  @Before
  public void install() throws IOException {
    files = folder.newFolder("no_backup").toPath();
    app.lastUpdateTime = 1000;
  }

  /** An app whose package has the model from `offset` on. */
  private Context context(byte[] model, int offset, boolean isCompressed) throws IOException {
    byte[] bytes = new byte[offset + model.length];
    System.arraycopy(model, 0, bytes, offset, model.length);
    Path apk = Files.write(folder.getRoot().toPath().resolve("base.apk"), bytes);
    return new Context(new AssetManager("models/emoji.linnet", apk, offset, isCompressed),
        new PackageManager(app), files.toFile());
  }

  private static byte[] model() throws IOException {
    return Files.readAllBytes(TestFiles.model("emoji"));
  }

  private static void assertOpens(Context context) throws IOException {
    try (Model model = Assets.open(context, "models/emoji.linnet", null)) {
      assertEquals("rwkv4", model.info().architecture());
    }
  }

  private List<String> copies() throws IOException {
    try (Stream<Path> found = Files.walk(files)) {
      return found.filter(Files::isRegularFile)
          .map(path -> files.relativize(path).toString())
          .collect(Collectors.toList());
    }
  }

  @Test
  public void anAlignedAssetIsMappedWhereItIs() throws IOException {
    assertOpens(context(model(), 128, false));
    assertTrue(copies().isEmpty());
  }

  @Test
  public void anyOtherAssetIsCopiedOnceForEveryUpdate() throws IOException {
    for (boolean isCompressed : new boolean[] {false, true}) {
      app.lastUpdateTime = 1000;
      Context context = context(model(), 4, isCompressed);
      assertOpens(context);
      assertEquals(List.of("linnet/models/emoji.linnet/1000.linnet"), copies());
      Path copy = files.resolve(copies().get(0));
      Object first = Files.readAttributes(copy, "unix:ino").get("ino");
      assertOpens(context);
      assertEquals(first, Files.readAttributes(copy, "unix:ino").get("ino"));

      app.lastUpdateTime = 2000;
      assertOpens(context);
      assertEquals(List.of("linnet/models/emoji.linnet/2000.linnet"), copies());
    }
  }

  @Test
  public void anAssetThatIsNoneIsNamed() throws IOException {
    Context context = context(model(), 4, false);
    FileNotFoundException missing =
        assertThrows(FileNotFoundException.class, () -> Assets.open(context, "other.linnet", null));
    assertEquals("other.linnet", missing.getMessage());
    assertTrue(copies().isEmpty());

    Context damaged = context(new byte[1000], 4, false);
    assertFails(Status.INVALID_MODEL,
        () -> Assets.open(damaged, "models/emoji.linnet", null), "models/emoji.linnet");
  }
}
