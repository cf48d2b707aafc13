-- Shared by scripts after which a device may have more or less to start than before.

-- Puts a device where a claim looks for it, or nowhere when nothing can start. Every script that changes a line, an
-- owner, a run or a gate ends with this, or with the part of it that can apply.
local function place(endpoint)
  settle()
  local device = gates(endpoint)
  local score
  if not device.run then score = head(endpoint, device) end
  if score then
    offer(taker(endpoint, device), { score, endpoint })
  elseif device.owner then
    call('ZREM', key('warm', device.owner), endpoint)
    call('ZREM', key('handoff'), endpoint)
  else
    call('ZREM', key('ready'), endpoint)
  end
end
