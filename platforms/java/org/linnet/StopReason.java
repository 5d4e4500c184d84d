package org.linnet;

/** Why a text ended. */
public enum StopReason {
  /** It has as many tokens as were asked for. */
  MAX_TOKENS,
  /** The model ended it. */
  END,
  /** The callback returned false. */
  CALLBACK
}
