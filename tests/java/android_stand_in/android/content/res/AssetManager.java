package android.content.res;

import java.io.ByteArrayInputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/** What org.linnet.android asks of Android's class of this name: one asset in a package's file. */
public final class AssetManager {
  public static final int ACCESS_STREAMING = 2;

  private final String name;
  private final Path file;
  private final long offset;
  private final boolean isCompressed;

  /** @param isCompressed such an asset has no descriptor; the stand-in stores it as it is */
  public AssetManager(String name, Path file, long offset, boolean isCompressed) {
    this.name = name;
    this.file = file;
    this.offset = offset;
    this.isCompressed = isCompressed;
  }

  public AssetFileDescriptor openFd(String asset) throws IOException {
    if (!asset.equals(name) || isCompressed)
      throw new FileNotFoundException(asset);
    return new AssetFileDescriptor(file, offset, Files.size(file) - offset);
  }

  public InputStream open(String asset, int mode) throws IOException {
    if (!asset.equals(name))
      throw new FileNotFoundException(asset);
    byte[] bytes = Files.readAllBytes(file);
    return new ByteArrayInputStream(Arrays.copyOfRange(bytes, (int) offset, bytes.length));
  }
}
