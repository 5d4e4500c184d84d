package android.content.pm;

/** What org.linnet.android asks of Android's class of this name: one package is installed. */
public class PackageManager {
  private final PackageInfo installed;

  public PackageManager(PackageInfo installed) {
    this.installed = installed;
  }

  public PackageInfo getPackageInfo(String name, int flags) throws NameNotFoundException {
    if (!name.equals("org.linnet.test"))
      throw new NameNotFoundException();
    return installed;
  }

  /** No such package. */
  public static class NameNotFoundException extends Exception {
    private static final long serialVersionUID = 1;
  }
}
