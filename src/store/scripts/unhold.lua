-- Shared by scripts that lift a hold.
-- @needs place

-- Takes away what one name holds a device by; another may still hold it.
local function unhold(endpoint, name)
  call('ZREM', key('holds', endpoint), name)
  local other = call('ZRANGE', key('holds', endpoint), 0, 0)[1]
  if other then
    call('HSET', key('ep', endpoint), 'hold', other)
  elseif call('HDEL', key('ep', endpoint), 'hold') == 1 then
    note_hold('released', endpoint, name)
  end
  place(endpoint)
  drop_own(endpoint)
end
