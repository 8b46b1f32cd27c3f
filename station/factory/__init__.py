"""THE WAY TO THE FACTORY'S SYSTEMS: records are sent, and questions asked. The only user of urllib3 and paho-mqtt.

Everything here waits for the network, and so nothing of it runs in the line's own threads.
"""
