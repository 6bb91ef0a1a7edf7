--- Release a lock of another holder, and offer it to the first that waits.
--
-- Invariant: only the lease with this fence is ended, so of two callers who read the same state one ends it, and a newer lease stays. Its
-- holder notices at its next renewal. A process that dies before the call leaves everything as it was.
-- @batch 16
-- @full runs         it frees a lock
-- @include guard/locking
-- @shared channel    as lock.lua
-- @shared claim      as lock.lua
-- @item key lock     as lock.lua
-- @item key queue    as lock.lua
-- @item arg fence    of the lease
-- @returns integer   1 if the lease was in force, else 0

local of = locking.open(nil, channel, 0, claim)

local function item(lock, queue, fence)
  local text = redis.pcall('GET', lock)
  if type(text) == 'table' then
    return text
  end
  local has, owner = string.match(text or '', '^%d+ (%d+) (%S+) ')
  if not has or has ~= fence then
    return 0
  end
  return locking.release(of, lock, queue, owner)
end
