"""The whole main job of Headgate, played against the support assistant on this machine."""
