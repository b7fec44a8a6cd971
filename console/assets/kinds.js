// The kinds of event in the journal, in the order of a connection's life.
export const KINDS = [
  "authentication_refused", "connected", "connect_refused", "disconnected", "pinged", "malformed", "published",
  "publish_refused", "subscribed", "subscribe_refused", "unsubscribed", "unsubscribe_refused", "delivered",
  "delivery_refused", "queued", "dropped", "retained", "retained_cleared", "session_ended", "shadow_accepted",
  "shadow_rejected", "rule_matched", "rule_not_matched", "rule_failed", "rule_not_found", "function_called",
  "action_succeeded", "action_failed", "api_call", "request_refused", "fault_injected",
  "admin",
];
