-- Shared by scripts that write one event at a time.

-- Appends a fact to a job's history. `body` is the inside of a JSON object. Returns the event's number.
local function event(id, attempt, body)
  local number = call('HINCRBY', key('job', id), 'n', 1)
  call('RPUSH', key('events', id), event_json(number, attempt or 0, body))
  return number
end
