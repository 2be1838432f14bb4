//! The side listener through a real WebSocket.
