--- Deny every call of a subject for a time, or stop to.
--
-- The block stands at the head of the subject's state; what the subject used stays as it is. The key lives until both
-- have ended.
-- @batch 64
-- @full refused      a block is a key, and subjects are not bounded
-- @full runs as unblock  it deletes the block
-- @include now
-- @include limiter/opened
-- @include limiter/damaged
-- @item key state       string of entries, as in charge.lua
-- @item arg duration    microseconds; 0 ends a block
-- @item arg reason      text
-- @returns integer      1 if the subject was blocked before

local call = redis.call
-- As many as charge.lua leaves.
local ENTRY, MOST = 40, 32
-- Redis counts a TTL from the millisecond in which the script began.
local MARGIN = 2

local function item(state, duration, reason)
  local saved = call('GET', state)
  local _, ends, _, length = opened(saved)
  if saved and ((#saved - length) % ENTRY ~= 0 or #saved - length > ENTRY * MOST) then
    damaged(state)
  end
  local was = ends ~= nil and ends > now and 1 or 0
  local entries = saved and string.sub(saved, length + 1) or ''
  local expires = now
  for at = 1, #entries, ENTRY do
    local id, entry = struct.unpack('<dd', entries, at)
    if not (id > 0 and entry >= 0 and entry < 2 ^ 62) then
      damaged(state)
    end
    expires = math.max(expires, entry)
  end
  local head = ''
  if duration ~= '0' then
    ends = now + duration
    expires = math.max(expires, ends)
    head = struct.pack('<ddddd', 0, ends, #reason, now, 0) .. reason
  end
  if expires > now then
    call('SET', state, head .. entries, 'PX', math.ceil((expires - now) / 1000) + MARGIN)
  elseif saved then
    call('DEL', state)
  end
  return was
end
