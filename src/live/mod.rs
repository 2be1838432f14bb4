//! The side listener: WebSocket, health, metrics.
