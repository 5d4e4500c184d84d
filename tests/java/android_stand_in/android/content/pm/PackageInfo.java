package android.content.pm;

/** What org.linnet.android asks of Android's class of this name. */
public class PackageInfo {
  public long lastUpdateTime;
}
