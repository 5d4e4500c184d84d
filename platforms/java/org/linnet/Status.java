package org.linnet;

/** Why a call failed; the same as linnet_status of linnet.h. */
public enum Status {
  /** The caller broke a rule of this interface. */
  INVALID_ARGUMENT(1),
  /** A file cannot be opened, read or mapped. */
  IO_ERROR(2),
  /** The file is damaged, hostile or not a .linnet file. */
  INVALID_MODEL(3),
  /** A newer format, or something that the model or this build does not have. */
  UNSUPPORTED(4),
  OUT_OF_MEMORY(5),
  /** A callback asked to stop, or {@link Session#cancel} was called. */
  CANCELLED(6),
  /** A defect in Linnet: please report it with the message. */
  INTERNAL(7);

  private final int code;

  Status(int code) {
    this.code = code;
  }

  static Status of(int code) {
    for (Status status : values()) {
      if (status.code == code)
        return status;
    }
    return INTERNAL;
  }
}
