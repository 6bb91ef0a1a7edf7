-- `queueing`: waiting callers, first come, first served. A queue is a sorted set, ticket by order. A ticket begins with "process:number"; an
-- order is a fence, so that orders of all queues of a space compare.
--
-- Each process follows a pub/sub channel of its own, on which it is notified. A process whose channel nobody follows is dead or cut off:
-- its tickets are removed where they would be next. A process that was only cut off puts its tickets back, at their old place, when it
-- asks again; it asks after each subscription.
--
-- - `queueing.open(channel)`: `channel` is the beginning of the channels of processes.
-- - `queueing.heads(of, queue, most)` returns up to so many of the first tickets of living processes, as {ticket, order}; or an error.
-- - `queueing.add(queue, ticket, order)`, `queueing.drop(queue, ticket)`. `queueing.tell(of, ticket, word)` notifies the ticket's process.
local queueing = { open = nil, heads = nil, add = nil, drop = nil, tell = nil }

local PAGE = 32
local PAGES = 8
-- Milliseconds. A queue in use is asked at least once in the longest lease, an hour.
local LIFE = 7200000

function queueing.open(channel)
  return { channel = channel, there = {} }
end

local function parts(ticket)
  return string.match(ticket, '^([^:]+):(%d+)')
end

local function is_there(of, process)
  local found = of.there[process]
  if found == nil then
    found = redis.call('PUBSUB', 'SHARDNUMSUB', of.channel .. process)[2] > 0
    of.there[process] = found
  end
  return found
end

function queueing.heads(of, queue, most)
  local heads = {}
  for _ = 1, PAGES do
    local page = redis.pcall('ZRANGE', queue, 0, PAGE - 1, 'WITHSCORES')
    if page.err then
      return page
    end
    local gone = {}
    for at = 1, #page, 2 do
      local process = parts(page[at])
      if not process or not is_there(of, process) then
        gone[#gone + 1] = page[at]
      else
        heads[#heads + 1] = { page[at], tonumber(page[at + 1]) }
        if #heads == most then
          break
        end
      end
    end
    if #gone > 0 then
      redis.call('ZREM', queue, unpack(gone))
    end
    if #heads > 0 or #gone < PAGE then
      return heads
    end
  end
  return heads
end

function queueing.add(queue, ticket, order)
  redis.call('ZADD', queue, string.format('%.0f', order), ticket)
  redis.call('PEXPIRE', queue, LIFE)
end

function queueing.drop(queue, ticket)
  redis.call('ZREM', queue, ticket)
end

function queueing.tell(of, ticket, word)
  local process, number = parts(ticket)
  -- Without the right to publish, waiting callers ask by their timers.
  redis.pcall('SPUBLISH', of.channel .. process, word .. number)
end
