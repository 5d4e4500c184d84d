package android.os;

import java.io.Closeable;
import java.io.File;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;

/** What org.linnet.android asks of Android's class of this name. */
public class ParcelFileDescriptor implements Closeable {
  private final Path path;
  private final RandomAccessFile file;

  public ParcelFileDescriptor(Path path) throws IOException {
    this.path = path;
    file = new RandomAccessFile(path.toFile(), "r");
  }

  /** The number that this process has the file open under, which Java itself keeps to itself. */
  public int getFd() {
    try {
      for (File descriptor : new File("/proc/self/fd").listFiles()) {
        Path target = descriptor.toPath();
        if (Files.isRegularFile(target) && Files.isSameFile(target, path)) {
          return Integer.parseInt(descriptor.getName());
        }
      }
    } catch (IOException failed) {
      throw new IllegalStateException(failed);
    }
    throw new IllegalStateException(path + " is not open");
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
