--- Return the holder of a lock, and how many callers wait.
-- @batch 128
-- @readonly
-- @include now
-- @item key lock     as lock.lua
-- @item key queue    as lock.lua
-- @returns list      milliseconds of its lease, fence (0: offered) and label as text, empty ones where nobody has it; tickets in the queue

local function item(lock, queue)
  local untl, fence, label = string.match(redis.call('GET', lock) or '', '^(%d+) (%d+) %S+ (.*)$')
  local left = untl and math.ceil((untl - now) / 1000) or 0
  if left <= 0 then
    return { '', '', '', redis.call('ZCARD', queue) }
  end
  return { string.format('%.0f', left), fence, label, redis.call('ZCARD', queue) }
end
