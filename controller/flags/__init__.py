"""What product code sees: rollouts compiled into flag definitions, and the doors they are read through."""
